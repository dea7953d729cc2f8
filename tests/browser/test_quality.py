"""Every page in light and dark, wide and narrow: axe, console, policy, foreign requests, weight, reflow."""

from __future__ import annotations

import gzip
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from tests.admin.places import places
from tests.admin.pseudo import speak
from tests.admin.sample import Sample
from tests.browser.conftest import SHOTS, Open

MODES = [(theme, width) for theme in ("light", "dark") for width in (1440, 390)]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe_source() -> str:
    """axe-core, as the package that brings it has it."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "axe.min.js").read_text()


def violations(page: Any) -> list[str]:
    """What axe finds, one line each: the rule and the first places."""
    result = page.evaluate("(rules) => axe.run(document, { runOnly: rules })", RULES)
    return [
        f"{found['id']}: {[node['target'] for node in found['nodes']][:3]} {found['help']}"
        for found in result["violations"]
    ]


@pytest.mark.parametrize(("theme", "width"), MODES)
def test_every_page_is_accessible_and_quiet(
    stock: Sample, shown: str, visit: Open, theme: str, width: int
) -> None:
    """axe finds nothing, console and policy have nothing to say, nothing is asked of another host, and
    nothing is cut off at the side."""
    SHOTS.mkdir(exist_ok=True)
    source = axe_source()
    window = visit(shown, theme=theme, width=width)
    # A script put into a page by the driver does not come under the page's policy.
    window.page.context.add_init_script(source)
    faults = {}
    for path in places(stock):
        page = window.open(path)
        page.wait_for_load_state("load")
        found = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("wider than the window")
        if found:
            faults[path] = found
        name = re.sub(r"[0-9a-f-]{36}", "id", path).strip("/").replace("/", "-") or "dashboard"
        page.screenshot(path=SHOTS / f"{re.sub(r'[^a-z0-9-]+', '_', name)}-{theme}-{width}.png")
    assert faults == {}
    assert window.wrong == []
    assert window.foreign() == []


def test_dialogs_and_the_palette_are_accessible(stock: Sample, shown: str, visit: Open) -> None:
    """Open over a page, in both schemes."""
    for theme in ("light", "dark"):
        window = visit(shown, theme=theme)
        window.page.context.add_init_script(axe_source())
        page = window.open("/services")
        page.get_by_role("link", name="New service").click()
        page.get_by_role("dialog").wait_for()
        assert violations(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Search").fill("north")
        page.locator("#sg-palette-list").get_by_role("option").first.wait_for()
        assert violations(page) == []
        assert window.wrong == []


def test_a_cold_page_is_light(shown: str, visit: Open) -> None:
    """At most 30 KB compressed and 5 requests, for each of the large pages."""
    for path in ("/", "/services", "/activity", "/api-docs"):
        window = visit(shown)
        weights: list[int] = []
        window.page.on("response", lambda response: weights.append(len(gzip.compress(response.body()))))  # noqa: B023
        window.open(path)
        window.page.wait_for_load_state("networkidle")
        assert len(window.asked) <= 5, window.asked
        assert sum(weights) <= 30 * 1024, (path, sum(weights))


def test_pages_reflow_at_320_pixels(stock: Sample, shown: str, visit: Open) -> None:
    """Nothing has to be scrolled sideways to be read."""
    window = visit(shown, width=320)
    for path in places(stock):
        page = window.open(path)
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path


def test_texts_half_as_long_again_have_room(
    stock: Sample, shown: str, visit: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a language 40 percent longer than English nothing is cut off at the side, wide or narrow, and no
    button lies over another."""
    speak(monkeypatch)
    paths = ["/", "/services", "/activity", "/clients", "/plans", "/plans/team"]
    paths.append(f"/services/{stock.service}")
    faults = []
    for width in (1440, 768, 390, 320):
        window = visit(shown, width=width)
        for path in paths:
            page = window.open(path)
            assert "\u27e6" in page.content()
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append((width, path, "wider than the window"))
            if over := page.evaluate(OVERLAPS):
                faults.append((width, path, over))
            page.screenshot(path=SHOTS / f"pseudo{re.sub(r'[^a-z]+', '_', path)[:12]}-{width}.png")
    assert faults == []


OVERLAPS = """() => {
  const shown = ".sg-page .sg-button, .sg-page .sg-kpi > span, .sg-page .sg-chip";
  const boxes = [...document.querySelectorAll(shown)]
    .filter((one) => one.offsetParent && !one.closest("details:not([open]) > :not(summary)"))
    .map((one) => [one.textContent.trim(), one.getBoundingClientRect()]);
  const beside = (a, b) => a.left < b.right - 1 && b.left < a.right - 1;
  const over = (a, b) => beside(a, b) && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.flatMap(([one, a], at) =>
    boxes.slice(at + 1).filter(([, b]) => over(a, b)).map(([other]) => `${one} / ${other}`));
}"""


def test_a_page_of_services_shows_eleven_rows(shown: str, visit: Open) -> None:
    """In a window of 1440 by 900."""
    page = visit(shown).open("/services")
    tops = page.evaluate(
        "[...document.querySelectorAll('.sg-table tbody tr')].map(row => row.getBoundingClientRect().bottom)"
    )
    assert sum(bottom <= 900 for bottom in tops) >= 10


def test_printing_leaves_navigation_out(shown: str, visit: Open) -> None:
    """On paper there is the page, and nothing to press."""
    page = visit(shown).open("/reports/expiring")
    page.emulate_media(media="print")
    for selector in (".sg-side", ".sg-top", ".sg-actions"):
        assert not page.locator(selector).first.is_visible()
    assert page.get_by_role("heading", level=1).is_visible()
