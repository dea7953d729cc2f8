"""Guards off, guards that only watch, and guards whose store does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from seatguard import Misconfigured, StorageUnavailable, Store
from seatguard_flask import SeatLimitReached, SeatsUnavailable, current_seat
from tests.guards.conftest import Host


class Away:
    """A gate or ledger that does not answer while ``down`` names one of its calls."""

    def __init__(self, inner: Any, down: set[str]) -> None:
        self._inner = inner
        self._down = down

    def __getattr__(self, name: str) -> Any:
        if name in self._down:
            raise StorageUnavailable("the store does not answer", retry_after=7)
        return getattr(self._inner, name)


@pytest.fixture
def down() -> set[str]:
    """Calls of the store that fail now."""
    return set()


@pytest.fixture
def away(down: set[str]) -> Callable[..., Host]:
    """Makes a host on a store whose calls can be made to fail."""

    def make(limit: int = 2, **config: Any) -> Host:
        return Host(limit, config, lambda store: Store(Away(store.ledger, down), Away(store.gate, down)))

    return make


def serve(host: Host, view: Callable[[], Any] = lambda: ({}, 201), **options: Any) -> None:
    host.app.post("/users", endpoint="add")(host.seats.consume(project="acme", **options)(view))
    host.app.delete("/users/<user>", endpoint="remove")(
        host.seats.release(project="acme", subject="user")(lambda user: ("", 204))
    )


class TestOff:
    """`SEATGUARD_ENABLED` and `seats.disabled()`."""

    def test_the_setting_is_read_at_every_call(self, new_host: Callable[..., Host]) -> None:
        """Turned off and on again while the app runs, also by a word from the environment."""
        host = new_host(limit=0)
        serve(host)
        statuses = []
        for flag in (True, False, "off", "on"):
            host.app.config["SEATGUARD_ENABLED"] = flag
            statuses.append(host.post().status_code)
        assert statuses == [402, 201, 201, 402]
        assert host.taken() == (0, 0)

    def test_a_word_that_is_no_flag_is_told(self, host: Host) -> None:
        """`"nope"` must not be taken for yes or no."""
        serve(host)
        host.app.config["SEATGUARD_ENABLED"] = "nope"
        host.app.config["PROPAGATE_EXCEPTIONS"] = True
        with pytest.raises(Misconfigured, match="SEATGUARD_ENABLED"):
            host.post()

    def test_a_block_turns_guards_off(self, new_host: Callable[..., Host]) -> None:
        """For what it calls, nested or not; not for other threads, nor for another instance."""
        host, other = new_host(limit=0), new_host(limit=0)
        serve(host)
        serve(other)
        elsewhere = []
        with host.seats.disabled():
            with host.seats.disabled():
                pass
            assert not host.seats.enabled
            assert host.post().status_code == 201
            assert other.post().status_code == 402
            thread = threading.Thread(target=lambda: elsewhere.append(host.post().status_code))
            thread.start()
            thread.join()
        assert elsewhere == [402]
        assert host.seats.enabled
        assert host.post().status_code == 402

    def test_the_view_need_not_know(self, host: Host) -> None:
        """`current_seat` answers, takes nothing and frees nothing; nothing but the view is called."""

        def view() -> Any:
            current_seat.assign("ada")
            assert current_seat.seat is None
            return {}, 201

        serve(host, view)
        host.seats.take("acme", "bob")
        with host.seats.disabled():
            assert host.post().status_code == 201
            assert host.client.delete("/users/bob").status_code == 204
            with host.seats.hold("no such project") as seat:
                seat.cancel()
        assert host.seated() == {"bob": "assigned"}


class TestDryRun:
    """`SEATGUARD_DRY_RUN`: decide and record, never block."""

    def test_a_full_register_refuses_nobody(self, new_host: Callable[..., Host]) -> None:
        """Seats are taken as long as there are any; what would be refused is on record as such."""
        host = new_host(limit=1, SEATGUARD_DRY_RUN=True)
        serve(host)
        assert [host.post().status_code for _ in range(3)] == [201, 201, 201]
        assert host.taken() == (1, 0)
        (entry,) = host.entries("seat.denied")
        assert (entry.actor, entry.data["reason"], entry.data["count"]) == (
            "dry_run:shop",
            "limit_reached",
            2,
        )

    def test_a_seat_lost_meanwhile_refuses_nobody(self, new_host: Callable[..., Host]) -> None:
        """The view has done its work."""
        host = new_host(limit=1, SEATGUARD_DRY_RUN=True)

        def view() -> Any:
            host.clock.travel(seconds=61)
            host.seats.take("acme", "bob")
            return {}, 201

        serve(host, view)
        assert host.post().status_code == 201
        assert host.seated() == {"bob": "assigned"}

    def test_an_impossible_name_refuses_nobody(self, new_host: Callable[..., Host]) -> None:
        """It takes no seat either."""
        host = new_host(SEATGUARD_DRY_RUN=True)
        serve(host, subject="user")
        assert host.post(json={"user": "a\u0000b"}).status_code == 201
        assert host.taken() == (0, 0)

    def test_it_is_read_at_every_call(self, new_host: Callable[..., Host]) -> None:
        """So that a look at what would happen needs no restart."""
        host = new_host(limit=0)
        serve(host)
        statuses = []
        for flag in (False, True, False):
            host.app.config["SEATGUARD_DRY_RUN"] = flag
            statuses.append(host.post().status_code)
        assert statuses == [402, 201, 402]


# Where a guard asks the store, as the calls that fail; the last is that of the ledger, for the terms.
ASKED = [{"take"}, {"confirm"}, {"seat"}, {"agreed"}]


class TestOutage:
    """`SEATGUARD_ON_STORAGE_ERROR`, at every call."""

    @pytest.mark.parametrize("calls", ASKED, ids=lambda calls: "-".join(calls))
    def test_deny(self, away: Callable[..., Host], down: set[str], calls: set[str]) -> None:
        """503 with `Retry-After`; before the view if it can be known then, else afterwards."""
        host = away()
        entered = []
        serve(host, lambda: (entered.append(1), {}, 201)[1:])
        host.ticks.now += 5
        down |= calls
        answer = host.post()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
        assert answer.get_json()["code"] == "storage_unavailable"
        assert bool(entered) == (calls in ({"confirm"}, {"seat"}))
        down.clear()
        host.clock.travel(seconds=61)
        assert host.taken() == (0, 0)

    @pytest.mark.parametrize("calls", ASKED, ids=lambda calls: "-".join(calls))
    def test_allow(
        self, away: Callable[..., Host], down: set[str], calls: set[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """The view runs; answer, log and, when the store is back, the journal tell that nobody decided."""
        host = away(SEATGUARD_ON_STORAGE_ERROR="allow")
        serve(host)
        host.ticks.now += 5
        down |= calls
        answer = host.post()
        assert (answer.status_code, answer.headers["Seatguard-Unchecked"]) == (201, "storage_unavailable")
        assert "unchecked" in caplog.text
        down.clear()
        (entry,) = host.entries("seat.unchecked")
        assert (entry.stream, entry.data["reason"], entry.data["count"]) == (
            host.project.id,
            "storage_unavailable",
            1,
        )
        assert list(host.engine.journal.verify(host.me)) == []
        assert "Seatguard-Unchecked" not in host.post().headers

    @pytest.mark.parametrize("calls", ASKED, ids=lambda calls: "-".join(calls))
    def test_raise(self, away: Callable[..., Host], down: set[str], calls: set[str]) -> None:
        """The engine's own exception reaches the host's handler."""
        host = away(SEATGUARD_ON_STORAGE_ERROR="raise")
        serve(host)
        host.app.register_error_handler(StorageUnavailable, lambda error: (type(error).__name__, 599))
        host.ticks.now += 5
        down |= calls
        assert (host.post().status_code, host.post().text) == (599, "StorageUnavailable")

    @pytest.mark.parametrize(("policy", "status"), [("deny", 503), ("allow", 204), ("raise", 599)])
    @pytest.mark.parametrize("call", ["release", "agreed"])
    def test_release(
        self, away: Callable[..., Host], down: set[str], policy: str, status: int, call: str
    ) -> None:
        """Said as loudly; asking again frees the seat."""
        host = away(SEATGUARD_ON_STORAGE_ERROR=policy)
        serve(host)
        host.app.register_error_handler(
            StorageUnavailable,
            lambda error: error if isinstance(error, SeatsUnavailable) else ("", 599),
        )
        host.seats.take("acme", "ada")
        down.add(call)
        answer = host.client.delete("/users/ada")
        assert answer.status_code == status
        assert ("Seatguard-Unchecked" in answer.headers) == (policy == "allow")
        down.clear()
        assert host.client.delete("/users/ada").status_code == 204
        assert host.taken() == (0, 0)

    def test_a_failed_view_is_told_as_it_failed(
        self, away: Callable[..., Host], down: set[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """That the hold could not be let go covers up nothing; it ends by itself, to the second."""
        host = away()

        def view() -> Any:
            down.add("release")
            raise ValueError("the view's own")

        serve(host, view)
        host.app.config["PROPAGATE_EXCEPTIONS"] = True
        with pytest.raises(ValueError, match="own"):
            host.post()
        assert "ends by itself" in caplog.text
        down.clear()
        assert host.taken() == (0, 1)

    def test_a_block_of_code_has_the_same_policy(self, away: Callable[..., Host], down: set[str]) -> None:
        """Outside of requests too."""
        host = away()
        down.add("take")
        with pytest.raises(SeatsUnavailable) as caught, host.seats.hold("acme"):
            pass
        assert isinstance(caught.value, StorageUnavailable)
        assert caught.value.retry_after == 7

    def test_a_dry_run_lets_everybody_pass(self, away: Callable[..., Host], down: set[str]) -> None:
        """Also while the store does not answer, whatever the policy is."""
        host = away(SEATGUARD_DRY_RUN=True)
        serve(host)
        down.add("take")
        assert host.post().status_code == 201

    def test_a_refusal_is_no_outage(self, away: Callable[..., Host]) -> None:
        """`allow` lets nobody pass who was decided about."""
        host = away(SEATGUARD_ON_STORAGE_ERROR="allow", limit=0)
        with pytest.raises(SeatLimitReached), host.seats.hold("acme"):
            pass
