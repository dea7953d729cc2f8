"""`with seats.hold(...)` in services and commands, and `@seats.release` around views that remove users."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import abort

from seatguard import Denied, InvalidInput
from seatguard_flask import HoldExpired, SeatLimitReached, current_seat
from tests.guards.conftest import Host

Colour = Callable[[Callable[..., Any]], Callable[..., Any]]


class TestHold:
    """A block of code, in a request or in none."""

    def test_a_block_that_ends_well_keeps_the_seat(self, host: Host) -> None:
        """The user is named from the start, or in the block."""
        with host.seats.hold("acme", subject="ada") as seat:
            assert host.seated() == {"ada": "held"}
            assert seat.seat is not None
        with host.seats.hold("acme") as seat:
            seat.assign(7)
        assert host.seated() == {"ada": "assigned", "7": "assigned"}

    def test_a_block_that_raises_keeps_none(self, host: Host) -> None:
        """Whatever is raised, an exit of the process included."""
        for error in (ValueError(), KeyboardInterrupt(), SystemExit(1)):
            with pytest.raises(type(error)), host.seats.hold("acme", subject="ada"):
                raise error
        assert host.taken() == (0, 0)

    def test_a_canceled_seat_is_given_back(self, host: Host) -> None:
        """And one that the user had before is not."""
        host.seats.take("acme", "ada")
        for name in ("ada", "bob"):
            with host.seats.hold("acme", subject=name) as seat:
                seat.cancel()
        assert host.seated() == {"ada": "assigned"}

    def test_a_refusal_is_an_exception_with_the_decision(self, new_host: Callable[..., Host]) -> None:
        """The same one as in a view and, for code that knows no HTTP, the engine's."""
        host = new_host(limit=0)
        entered = []
        with pytest.raises(SeatLimitReached) as caught, host.seats.hold("acme"):
            entered.append(1)
        assert isinstance(caught.value, Denied)
        assert caught.value.decision.facts.usage.live == 0
        assert "limit_reached" in caught.value.get_body()
        assert entered == []

    def test_a_hold_that_was_too_short(self, new_host: Callable[..., Host]) -> None:
        """The seat is somebody else's by now."""
        host = new_host(limit=1)

        def work() -> None:
            with host.seats.hold("acme", subject="ada"):
                host.clock.travel(seconds=61)
                host.seats.take("acme", "bob")

        with pytest.raises(HoldExpired):
            work()
        assert host.seated() == {"bob": "assigned"}

    def test_it_is_the_current_seat(self, host: Host) -> None:
        """The innermost block's; another thread has none."""
        seen: list[object] = []

        def look() -> None:
            try:
                seen.append(current_seat.decided)
            except RuntimeError:
                seen.append("none")

        with host.seats.hold("acme", subject="ada"):
            with host.seats.hold("acme", subject="bob"):
                current_seat.assign("cleo")
            look()
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
        assert seen == [None, "none"]
        assert set(host.seated()) == {"ada", "cleo"}

    def test_async_with(self, host: Host) -> None:
        """The same in a coroutine, one that is cancelled included."""

        async def make(name: str, *, fail: bool) -> None:
            async with host.seats.hold("acme", subject=name):
                if fail:
                    raise asyncio.CancelledError

        asyncio.run(make("ada", fail=False))
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(make("bob", fail=True))
        assert host.seated() == {"ada": "assigned"}

    def test_a_function_names_the_user(self, host: Host) -> None:
        """Asked when the block begins."""
        with host.seats.hold(lambda: "acme", subject=lambda: 7):
            pass
        assert host.seated() == {"7": "assigned"}


class TestRelease:
    """The seat goes when the user has gone."""

    def serve(self, host: Host, view: Callable[..., Any], **options: Any) -> None:
        options = {"project": "acme", "subject": "user", **options}
        host.app.add_url_rule(
            "/users/<user>", "gone", host.seats.release(**options)(view), methods=["GET", "POST", "DELETE"]
        )
        host.seats.take("acme", "ada")

    @pytest.mark.parametrize(
        ("method", "answer", "freed"),
        [
            ("DELETE", lambda: ("", 204), True),
            ("DELETE", lambda: "<p>gone</p>", True),
            ("POST", lambda: ("", 302, {"Location": "/"}), True),
            ("POST", lambda: ({}, 200), True),
            ("POST", lambda: "<form>sure?</form>", False),
            ("DELETE", lambda: ("no", 404), False),
            ("DELETE", lambda: ("no", 500), False),
            ("DELETE", lambda: abort(403), False),
            ("DELETE", lambda: 1 / 0, False),
            ("GET", lambda: ("", 204), False),
        ],
    )
    def test_the_outcome_decides(
        self, host: Host, colour: Colour, method: str, answer: Callable[[], Any], *, freed: bool
    ) -> None:
        """A user who was not removed keeps the seat."""
        self.serve(host, colour(lambda user: answer()))
        host.client.open("/users/Ada", method=method)
        assert host.taken() == ((0, 0) if freed else (1, 0))

    def test_release_when_decides_instead(self, host: Host) -> None:
        """A view that answers in its own way."""
        self.serve(host, lambda user: ({"removed": user == "ada"}), release_when=lambda r: r.json["removed"])
        host.client.delete("/users/bob")
        assert host.seated() == {"ada": "assigned"}
        host.client.delete("/users/ada")
        assert host.seated() == {}

    def test_who_has_no_seat_has_none_to_lose(self, host: Host) -> None:
        """Unknown, unnamed or impossible names change nothing, and the view's answer stands."""
        self.serve(host, lambda user: ("", 204))
        for name in ("bob", "a%00b", "%20"):
            assert host.client.delete(f"/users/{name}").status_code == 204
        assert host.seated() == {"ada": "assigned"}

    def test_names_are_read_before_the_view(self, host: Host) -> None:
        """Afterwards the row they came from is gone."""
        users = {"7": "ada"}
        self.serve(host, lambda user: (users.pop(user), 204)[1:] and ("", 204), subject=lambda: users["7"])
        assert host.client.delete("/users/7").status_code == 204
        assert host.seated() == {}

    def test_at_once(self, host: Host) -> None:
        """With project and user it is a call, as before."""
        host.seats.take("acme", "ada")
        assert host.seats.release("acme", "ada").allowed
        assert host.seated() == {}

    def test_mistakes_of_writing_are_told(self, host: Host) -> None:
        """A decorator without a subject, a call without a project, a name that is none."""
        with pytest.raises(TypeError, match="needs a subject"):
            host.seats.release(project="acme")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="of which project"):
            host.seats.release(username="ada")  # type: ignore[call-overload]
        with pytest.raises(InvalidInput):
            host.seats.release("acme", "")
