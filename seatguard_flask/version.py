"""Which version is installed."""

from __future__ import annotations

from importlib import metadata


def _installed() -> str:
    try:
        return metadata.version("seatguard")
    except metadata.PackageNotFoundError:
        return "unknown"


VERSION = _installed()
