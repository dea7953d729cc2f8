"""The page of recipes and the READMEs show lines of the applications that the tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.examples.running import EXAMPLES, ROOT


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def sections() -> list[tuple[str, str]]:
    """Each section of the page that is about an example, with the example's name."""
    page = (ROOT / "docs" / "recipes.md").read_text()
    found = re.split(r"^`examples/(\w+)`", page, flags=re.MULTILINE)
    return [(name, text.partition("\n## ")[0]) for name, text in zip(found[1::2], found[2::2], strict=True)]


def test_the_page_has_a_section_for_each_example_with_a_guarded_model() -> None:
    """No example is left out, and none is shown that there is not."""
    guarded = {path.parent.name for path in EXAMPLES.glob("*/app.py") if "seats.guard(" in path.read_text()}
    assert {name for name, _ in sections()} == guarded


@pytest.mark.parametrize(("name", "text"), sections(), ids=[name for name, _ in sections()])
def test_the_page_shows_lines_of_the_example(name: str, text: str) -> None:
    """Every block stands word for word in the application."""
    app = (EXAMPLES / name / "app.py").read_text()
    assert blocks(text)
    for block in blocks(text):
        assert block in app


@pytest.mark.parametrize("readme", sorted(EXAMPLES.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_a_readme_shows_lines_of_its_application(readme: Path) -> None:
    """The same for the READMEs beside them."""
    for block in blocks(readme.read_text()):
        assert block in (readme.with_name("app.py")).read_text()
