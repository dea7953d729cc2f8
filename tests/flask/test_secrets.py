"""No key is in a log line, an answer, the journal or a repr, whatever happens."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from seatguard.errors import StorageUnavailable
from tests.flask.conftest import PREFIX, Api, World


def everything(api: Api, world: World) -> list[bytes]:
    """Answers to good and bad requests of every kind; the key is in each request."""
    answers = [
        api.validate(),
        api.validate(domain="wrong.example"),
        api.validate(domain="https://acme.example"),
        api.validate(domain=7),
        api.validate(unknown=1),
        api.register("ada"),
        api.register("ada", {"Idempotency-Key": "x"}),
        api.register("bob", {"Idempotency-Key": "x"}),
        api.register("a\0"),
        api.post("/holds", username="bob", expires_in="x"),
        api.post("/holds", username="bob", nonsense=1),
        api.post("/transfer-user", username="ada", to_username="cleo"),
        api.get("/users"),
        api.get("/users", api_key=None),
        api.get("/users", {"Authorization": f"Bearer {api.key}x"}),
        api.delete("/users/ada"),
        api.delete("/holds/nothing"),
        api.raw("/validate-subscription", f'{{"api_key":"{api.key}",'.encode()),
        api.raw("/validate-subscription", f'{{"api_key":"{api.key}\xff"}}'.encode("latin-1")),
        api.raw("/validate-subscription", f'{{"api_key":"{api.key}","api_key":"{api.key}"}}'.encode()),
        api.raw("/validate-subscription", f"api_key={api.key}".encode(), "text/plain"),
        api.client.get(f"{PREFIX}/validate-subscription?api_key={api.key}"),
        api.client.get(f"{PREFIX}/users?api_key={api.key}"),
    ]

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError

    def unavailable(*args: Any, **kwargs: Any) -> Any:
        raise StorageUnavailable("gone")

    for trouble in (broken, unavailable):
        world.engine.seats.check = trouble  # type: ignore[method-assign]
        answers.append(api.validate())
    return [answer.data + json.dumps(list(answer.headers)).encode() for answer in answers]


def test_no_key_comes_out(world: World, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Logs at DEBUG with their traces, bodies, headers, journal: the secret part is nowhere."""
    secret = api.key[12:]
    with caplog.at_level(logging.DEBUG):
        answers = everything(api, world)
    assert len(answers) == 25
    for answer in answers:
        assert secret.encode() not in answer
    assert secret not in caplog.text
    assert caplog.text
    assert secret not in repr(world.entries())


def test_no_key_is_in_the_frames_of_an_error(world: World, api: Api) -> None:
    """Error trackers send the local variables of our frames; keys are wrapped in them."""
    seen: list[str] = []

    def broken(*args: Any, **kwargs: Any) -> Any:
        import sys

        frame = sys._getframe(1)
        while frame is not None:
            if "/seatguard" in frame.f_code.co_filename:
                seen.extend(repr(value) for value in frame.f_locals.values())
            frame = frame.f_back  # type: ignore[assignment]
        raise ZeroDivisionError

    world.engine.seats.take = broken  # type: ignore[method-assign]
    api.register("ada", {"Idempotency-Key": "x"})
    assert seen
    assert not [value for value in seen if api.key[12:] in value]
