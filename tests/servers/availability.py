"""What to do about a server that cannot be had."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.servers.processes import ServerUnavailable

Server = TypeVar("Server")


def on_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def start_or_skip(start: Callable[[], Server]) -> Server:
    """Start a server. One that cannot be had skips the test on a laptop and fails it on CI.

    Only `ServerUnavailable` skips: a server that is here and does not work is an error everywhere.
    """
    try:
        return start()
    except ServerUnavailable as missing:
        if on_ci():
            pytest.fail(f"CI must have this server: {missing}", pytrace=False)
        pytest.skip(str(missing))
