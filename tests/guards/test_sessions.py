"""A guard for web sessions: so many of a user at a time, each kept by a lease."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from flask import Response, session
from flask.testing import FlaskClient

from seatguard import Store
from seatguard.allowances import Concurrency, Takeover
from seatguard.journal.ports import Search
from seatguard_flask import SessionOver
from seatguard_flask.passage import UNCHECKED
from tests.guards.conftest import Host
from tests.guards.test_switches import Away

ONE_EACH = Concurrency(limit=1, per_holder=True, lasts=60, grace=30)
NEWEST = Concurrency(limit=1, per_holder=True, lasts=60, takeover=Takeover.OLDEST)
NAME = "app.maxConcurrentSessions"


@pytest.fixture(params=["memory", pytest.param("valkey", marks=pytest.mark.redis)])
def host(request: pytest.FixtureRequest) -> Host:
    """An app whose sessions hold leases in memory, and one whose sessions hold them at a gate."""
    if request.param == "memory":
        return Host()
    server = request.getfixturevalue("redis_servers")(request.param)
    server.flush()
    return Host(gate=server.url())


def failing(store: Store, down: set[str]) -> Store:
    """The store, whose ledger and leases do not answer while ``down`` names their calls."""
    assert store.meters is not None
    leases: Any = Away(store.meters.leases, down)
    return replace(store, ledger=Away(store.ledger, down), meters=replace(store.meters, leases=leases))


def guarded(host: Host, allowance: Concurrency | None = ONE_EACH, **options: Any) -> Any:
    """An app that knows who is signed in, guarded as a whole; the guard."""
    host.app.secret_key = "for these tests"
    guard = host.seats.session_guard(
        NAME, user=lambda: session.get("user"), project="acme", allowance=allowance, **options
    )
    host.app.before_request(guard.admit)

    @host.app.post("/in/<user>")
    def sign_in(user: str) -> str:
        session["user"] = user
        guard.admit()
        return "in"

    @host.app.post("/out")
    def sign_out() -> str:
        guard.end()
        session.clear()
        return "out"

    @host.app.get("/")
    def home() -> str:
        return str(session.get("user"))

    return guard


def browsers(host: Host, number: int) -> list[FlaskClient]:
    return [host.app.test_client() for _ in range(number)]


def told(answer: Any) -> tuple[int, str | None]:
    """Status and code."""
    return answer.status_code, (answer.get_json(silent=True) or {}).get("code")


def kinds(host: Host) -> list[str]:
    """What the journal says of leases that were given, in order."""
    host.engine.flush()
    host.engine.relay()
    entries = host.engine.journal.search(host.me, Search(), limit=200).items
    found = sorted(entries, key=lambda entry: entry.id)
    return [entry.kind for entry in found if entry.kind.startswith("lease.") and entry.kind != "lease.denied"]


def test_one_session_too_many_is_refused_and_signed_out(host: Host) -> None:
    """With the reason; others have sessions of their own, and nobody's requests ask for none."""
    guarded(host)
    laptop, phone, other = browsers(host, 3)
    assert phone.get("/").text == "None"
    assert told(laptop.post("/in/ada")) == (200, None)
    assert told(phone.post("/in/ada")) == (402, "limit_reached")
    assert phone.get("/").text == "None"
    assert told(other.post("/in/bob")) == (200, None)
    assert laptop.get("/").text == "ada"
    assert kinds(host) == ["lease.taken"] * 2


def test_the_status_of_a_refusal_is_the_hosts_choice(host: Host) -> None:
    """Of the guard's, where it has one."""
    guarded(host, status=409)
    laptop, phone = browsers(host, 2)
    laptop.post("/in/ada")
    assert told(phone.post("/in/ada")) == (409, "limit_reached")


def test_signing_out_frees_the_place_at_once(host: Host) -> None:
    """And signing out twice, or without having been in, does nothing."""
    guarded(host)
    laptop, phone = browsers(host, 2)
    laptop.post("/in/ada")
    assert laptop.post("/out").status_code == laptop.post("/out").status_code == 200
    assert told(phone.post("/in/ada")) == (200, None)
    assert kinds(host) == ["lease.taken", "lease.returned", "lease.taken"]


def test_the_newest_session_takes_the_place_of_the_oldest(host: Host) -> None:
    """Which is told so once, at its next heartbeat, and is nobody's afterwards."""
    guarded(host, NEWEST)
    laptop, phone = browsers(host, 2)
    laptop.post("/in/ada")
    assert told(phone.post("/in/ada")) == (200, None)
    assert laptop.get("/").text == "ada"
    host.clock.travel(seconds=20)
    assert told(laptop.get("/")) == (409, "lease_taken_over")
    assert laptop.get("/").text == "None"
    assert phone.get("/").text == "ada"


def test_a_host_answers_a_session_that_is_over_itself(host: Host) -> None:
    """With its own page and its own way of signing out."""
    over: list[str] = []
    guarded(host, NEWEST, every=0, sign_out=lambda: over.append(session.pop("user")))
    host.app.register_error_handler(SessionOver, lambda error: Response(error.reason, 303))
    laptop, phone = browsers(host, 2)
    laptop.post("/in/ada")
    phone.post("/in/ada")
    assert (laptop.get("/").status_code, over) == (303, ["ada"])


def test_a_place_lasts_as_long_as_heartbeats_come(host: Host) -> None:
    """Then it is kept for the grace, and free; who comes back late finds a newcomer there."""
    guarded(host)
    laptop, phone = browsers(host, 2)
    laptop.post("/in/ada")
    for _ in range(5):
        host.clock.travel(seconds=59)
        assert laptop.get("/").text == "ada"
    host.clock.travel(seconds=89)
    assert told(phone.post("/in/ada")) == (402, "limit_reached")
    host.clock.travel(seconds=1)
    assert told(phone.post("/in/ada")) == (200, None)
    assert told(laptop.get("/")) == (402, "limit_reached")
    assert laptop.get("/").text == "None"


def test_a_session_that_slept_goes_on_where_there_is_room(host: Host) -> None:
    """After an hour with its own lease; after days, when that is forgotten, with another."""
    guarded(host)
    (laptop,) = browsers(host, 1)
    laptop.post("/in/ada")
    host.clock.travel(hours=1)
    host.engine.leases.sweep(host.me)
    assert laptop.get("/").text == "ada"
    host.clock.travel(days=3)
    host.engine.leases.sweep(host.me)
    host.clock.travel(days=3)
    host.engine.leases.sweep(host.me)
    assert laptop.get("/").text == "ada"
    assert kinds(host) == ["lease.taken", "lease.lapsed", "lease.resumed", "lease.lapsed", "lease.taken"]


def test_a_session_that_was_forgotten_pushes_nobody_out(host: Host) -> None:
    """Coming back is not signing in: where all places are taken, it is over."""
    guarded(host, NEWEST)
    laptop, phone = browsers(host, 2)
    laptop.post("/in/ada")
    host.clock.travel(days=3)
    host.engine.leases.sweep(host.me)
    host.clock.travel(days=3)
    host.engine.leases.sweep(host.me)
    phone.post("/in/ada")
    assert told(laptop.get("/")) == (402, "limit_reached")
    assert phone.get("/").text == "ada"


def test_heartbeats_are_at_most_every_so_many_seconds() -> None:
    """In between nothing is asked of the store, so that one that is away is not missed."""
    down: set[str] = set()
    host = Host(2, wrap=lambda store: failing(store, down))
    guarded(host, every=30)
    (laptop,) = browsers(host, 1)
    laptop.post("/in/ada")
    down.update({"read", "lease", "heartbeat", "checkout"})
    host.clock.travel(seconds=29)
    assert laptop.get("/").status_code == 200
    host.clock.travel(seconds=1)
    assert laptop.get("/").status_code == 503
    host.clock.travel(seconds=-10)
    assert laptop.get("/").status_code == 200
    host.clock.travel(hours=-1)
    assert laptop.get("/").status_code == 503


@pytest.mark.parametrize(("policy", "status"), [("deny", 503), ("allow", 200)])
def test_an_outage_is_answered_by_the_policy(policy: str, status: int) -> None:
    """Nobody is signed out by it; what was let pass says so, and goes on with its lease afterwards."""
    down: set[str] = set()
    config = {"SEATGUARD_ON_STORAGE_ERROR": policy}
    host = Host(2, config, lambda store: failing(store, down))
    guarded(host, every=0)
    (laptop,) = browsers(host, 1)
    laptop.post("/in/ada")
    down.update({"read", "lease", "heartbeat", "checkout"})
    answer = laptop.get("/")
    assert (answer.status_code, UNCHECKED in answer.headers) == (status, status == 200)
    down.clear()
    answer = laptop.get("/")
    assert (answer.text, UNCHECKED in answer.headers) == ("ada", False)
    assert kinds(host) == ["lease.taken"]


def test_signing_out_needs_no_store() -> None:
    """The place is free when its lease is over."""
    down: set[str] = set()
    host = Host(2, wrap=lambda store: failing(store, down))
    guarded(host)
    laptop, phone = browsers(host, 2)
    laptop.post("/in/ada")
    down.add("give_back")
    assert (laptop.post("/out").status_code, laptop.get("/").text) == (200, "None")
    down.clear()
    assert told(phone.post("/in/ada")) == (402, "limit_reached")
    host.clock.travel(seconds=90)
    assert told(phone.post("/in/ada")) == (200, None)


def test_a_dry_run_refuses_nobody(host: Host) -> None:
    """Nor signs anybody out; and a guard that is turned off takes no place."""
    guarded(host, every=0)
    laptop, phone, tablet = browsers(host, 3)
    laptop.post("/in/ada")
    host.app.config["SEATGUARD_DRY_RUN"] = True
    assert told(phone.post("/in/ada")) == (200, None)
    assert phone.get("/").text == "ada"
    host.app.config.update(SEATGUARD_DRY_RUN=False, SEATGUARD_ENABLED=False)
    assert told(tablet.post("/in/ada")) == (200, None)
    assert kinds(host) == ["lease.taken"]


def test_a_suspended_subscription_signs_nobody_out(host: Host) -> None:
    """It refuses; when it is back, so is the session."""
    guarded(host, every=0)
    (laptop,) = browsers(host, 1)
    laptop.post("/in/ada")
    service = host.engine.subscriptions.list(host.me).items[0]
    host.engine.subscriptions.suspend(host.me, service.id)
    assert told(laptop.get("/")) == (402, "suspended")
    host.engine.subscriptions.resume(host.me, service.id)
    assert laptop.get("/").text == "ada"


def test_a_session_that_changes_its_user_changes_its_place(host: Host) -> None:
    """The first user's is free again."""
    guarded(host)
    laptop, phone = browsers(host, 2)
    laptop.post("/in/ada")
    laptop.post("/in/bob")
    assert told(phone.post("/in/ada")) == (200, None)
    assert kinds(host) == ["lease.taken", "lease.returned", "lease.taken", "lease.taken"]


def test_the_plan_says_how_many(host: Host) -> None:
    """In a user's own plan: as many as that says, whatever others have; on none: not included."""
    guarded(host, None)
    offer: dict[str, Any] = {"quotas": {"app": {"maxConcurrentSessions": 2}}}
    host.engine.catalog.add(host.me, slug="personal", seats=0, offer=offer)
    for user in ("ada", "bob"):
        host.engine.user_subscriptions.assign(host.me, user, plan="personal")
    for user, statuses in (("ada", [200, 200, 402]), ("bob", [200, 200, 402]), ("eve", [402])):
        found = [one.post(f"/in/{user}").status_code for one in browsers(host, len(statuses))]
        assert found == statuses


def test_a_user_with_a_seat_for_good_needs_no_place_of_all(host: Host) -> None:
    """In a pool that all share: grace has her seat, of the others one is inside."""
    guarded(host, Concurrency(limit=1, lasts=60), every=0)
    host.seats.take("acme", "grace")
    for user, status in (("ada", 200), ("grace", 200), ("grace", 200), ("bob", 402)):
        (browser,) = browsers(host, 1)
        assert browser.post(f"/in/{user}").status_code == status
    assert browser.get("/").text == "None"


def test_one_view_can_be_guarded_alone(host: Host) -> None:
    """As with any guard; the rest of the app is open."""
    host.app.secret_key = "for these tests"
    guard = host.seats.session_guard(NAME, user="user", project="acme", allowance=ONE_EACH)
    host.app.add_url_rule("/of/<user>", view_func=guard(lambda user: f"hello {user}"), endpoint="of")
    laptop, phone = browsers(host, 2)
    assert laptop.get("/of/ada").text == "hello ada"
    assert told(phone.get("/of/ada")) == (402, "limit_reached")


def test_of_many_that_sign_in_at_once_as_many_get_in_as_there_are_places(host: Host) -> None:
    """Exactly."""
    guarded(host, Concurrency(limit=3, per_holder=True, lasts=60))
    start, statuses = threading.Barrier(12), list[int]()

    def sign_in(browser: FlaskClient) -> None:
        start.wait(10)
        statuses.append(browser.post("/in/ada").status_code)

    threads = [threading.Thread(target=sign_in, args=(one,)) for one in browsers(host, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (statuses.count(200), statuses.count(402)) == (3, 9)


@pytest.mark.parametrize("every", [-1, 60, 900])
def test_heartbeats_too_rare_are_refused_when_the_app_is_written(host: Host, every: int) -> None:
    """The leases would lapse under their sessions."""
    with pytest.raises(ValueError, match="fewer than a lease lasts"):
        host.seats.session_guard(NAME, user=lambda: "ada", allowance=ONE_EACH, every=every)
