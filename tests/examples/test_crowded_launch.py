"""The example of a crowded launch works as its README says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples.running import load, seated
from tests.servers import RedisServer


def test_a_launch_is_counted_on_valkey_and_survives_a_flush(
    start_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who has a place keeps it when Redis was emptied after a relay."""
    server = start_redis("valkey")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATGUARD_STORAGE_URI", f"sqlite:///{tmp_path / 'seats.db'}")
    monkeypatch.setenv("SEATGUARD_GATE_URI", server.url())
    example = load("crowded_launch")
    client = example.app.test_client()
    for name in ("ada", "bob", "ada"):
        assert client.post("/places", json={"username": name}).status_code == 201
    told = example.app.test_cli_runner().invoke(args=["relay"]).output
    assert told.endswith(" entries\n")
    assert int(told.split()[0]) >= 2
    server.flush()
    assert sorted(seated(example, "launch")) == ["ada", "bob"]
