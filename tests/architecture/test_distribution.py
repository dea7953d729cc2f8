"""What a user installs is complete: code, types, templates, static files, migrations."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("seatguard", "seatguard_flask", "seatguard_admin")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and a source distribution, built by the back end itself: no download."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def wheel_files(built: Path) -> set[str]:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_has_every_file_of_a_package(package: str, wheel_files: set[str]) -> None:
    """Templates, static files, SQL and migrations are not Python, and are the ones that get forgotten."""
    expected = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert expected - wheel_files == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_says_it_is_typed(package: str, wheel_files: set[str]) -> None:
    assert f"{package}/py.typed" in wheel_files


def test_the_wheel_has_nothing_else(wheel_files: set[str]) -> None:
    """Tests and tools in a wheel would land in the host's site-packages."""
    assert {name.partition("/")[0] for name in wheel_files} - {
        *PACKAGES,
        "seatguard-0.1.0.dist-info",
    } == set()


def test_the_source_distribution_brings_its_tests(built: Path) -> None:
    """Who packages for another system wants to run them."""
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "pyproject.toml", "tests/conftest.py", "tests/servers/postgres.py"} <= names
