"""Who may sign in, and who may do what."""

from __future__ import annotations

import datetime as dt
import itertools
import threading

import pytest
from werkzeug.security import check_password_hash

from seatguard import Conflict, InvalidInput, NotFound
from seatguard.administrators import Administrator, Role, rules
from tests.worlds import Unchanged, World

PASSWORD = "a long enough password"


@pytest.fixture
def world() -> World:
    """A world on memory."""
    return World.in_memory()


@pytest.fixture
def ada(world: World) -> Administrator:
    """An operator named Ada."""
    return world.engine.administrators.add(world.actor, name="Ada", password=PASSWORD, role="operator")


def sign_in(world: World, password: str = PASSWORD, name: str = "ada") -> Administrator | None:
    return world.engine.administrators.sign_in(world.actor.tenant, name=name, password=password)


def test_password_is_kept_as_a_salted_scrypt_hash(world: World, ada: Administrator) -> None:
    """Werkzeug reads it too; neither the record's text nor the journal shows password or hash."""
    assert ada.password.startswith("scrypt:32768:8:1$")
    assert check_password_hash(ada.password, PASSWORD)
    told = repr(ada) + repr(world.entries())
    assert PASSWORD not in told
    assert ada.password not in told


def test_views_are_kept_for_their_owner_on_record(world: World) -> None:
    """In the order they were saved, a name once, ten of a list; another's cannot be removed."""
    views, ada = world.engine.views, world.engine.actor("admin", "ada", tenant=world.actor.tenant)
    bob = world.engine.actor("admin", "bob", tenant=world.actor.tenant)
    first = views.save(ada, page="services", name="Full", query="?view=high")
    assert first.query == "view=high"
    assert (world.last().kind, world.last().data["after"]) == ("view.saved", "view=high")
    with pytest.raises(Conflict, match="already"):
        views.save(ada, page="services", name="Full", query="view=all")
    views.save(ada, page="clients", name="Full", query="view=suspended")
    views.save(bob, page="services", name="Full", query="view=expired")
    for number in range(9):
        views.save(ada, page="services", name=f"More {number}", query="view=high")
    with pytest.raises(Conflict, match="remove one first"):
        views.save(ada, page="services", name="Too much", query="view=high")
    assert [one.name for one in views.list(ada, "services")][:2] == ["Full", "More 0"]
    assert [one.query for one in views.list(bob, "services")] == ["view=expired"]
    with pytest.raises(NotFound):
        views.remove(bob, first.id)
    views.remove(ada, first.id)
    assert (world.last().kind, world.last().data["before"]) == ("view.removed", "view=high")
    assert len(views.list(ada, "services")) == 9


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"page": "plans"}, "page"),
        ({"page": None}, "page"),
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"query": ""}, "query"),
        ({"query": "?"}, "query"),
        ({"query": "q=\u00fc"}, "query"),
        ({"query": "q=\n"}, "query"),
        ({"query": "x" * 501}, "query"),
        ({"query": 5}, "query"),
    ],
)
def test_a_view_that_cannot_be_kept_is_told_by_its_field(
    world: World, change: dict[str, object], field: str
) -> None:
    """And nothing is written."""
    given: dict[str, object] = {"page": "services", "name": "Full", "query": "view=high"} | change
    with Unchanged(world), pytest.raises(InvalidInput) as refused:
        world.engine.views.save(world.actor, **given)  # type: ignore[arg-type]
    assert refused.value.problems[0].field == field


def test_name_is_one_whatever_its_case(world: World, ada: Administrator) -> None:
    """A second Ada is refused; `ADA` signs in."""
    with pytest.raises(Conflict, match="already an administrator"):
        world.engine.administrators.add(world.actor, name="ADA", password=PASSWORD)
    signed_in = sign_in(world, name=" ADA ")
    assert signed_in is not None
    assert signed_in.id == ada.id
    assert world.last().kind == "administrator.signed_in"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"password": None}, "password"),
        ({"role": "emperor"}, "role"),
    ],
)
def test_bad_values_are_named_and_change_nothing(world: World, change: dict[str, object], field: str) -> None:
    """The message names the field and shows no password."""
    asked: dict[str, object] = {"name": "bob", "password": PASSWORD, "role": "viewer"} | change
    with Unchanged(world), pytest.raises(InvalidInput) as raised:
        world.engine.administrators.add(world.actor, **asked)  # type: ignore[arg-type]
    assert raised.value.problems[0].field == field
    assert "short" not in str(raised.value)


def test_unknown_name_is_refused_and_leaves_nothing(world: World) -> None:
    """There is no stream to fill by guessing names."""
    with Unchanged(world):
        for name in ("nobody", "", "x" * 500, "\0", "a'; --"):
            assert sign_in(world, name=name) is None


def test_five_wrong_passwords_lock_for_a_quarter_of_an_hour(world: World, ada: Administrator) -> None:
    """Then also the right one is refused, until the time is over."""
    for _ in range(rules.MAX_FAILURES):
        assert sign_in(world, "wrong") is None
    assert world.last().data["locked_until"]
    with Unchanged(world):
        assert sign_in(world) is None
    world.clock.travel(seconds=rules.LOCKED_FOR.total_seconds() - 1)
    assert sign_in(world) is None
    world.clock.travel(seconds=1)
    assert sign_in(world) is not None
    refused = [kind for kind in world.kinds() if kind == "administrator.sign_in_refused"]
    assert len(refused) == rules.MAX_FAILURES


def test_the_right_password_forgets_the_wrong_ones(world: World, ada: Administrator) -> None:
    """Four failures, a success, four failures: not locked."""
    for _ in range(2):
        for _ in range(rules.MAX_FAILURES - 1):
            assert sign_in(world, "wrong") is None
        assert sign_in(world) is not None


def test_guesses_side_by_side_are_counted_one_by_one(world: World, ada: Administrator) -> None:
    """Ten guesses at once: five are looked at, then the name is locked."""
    barrier = threading.Barrier(10)

    def guess() -> None:
        barrier.wait()
        sign_in(world, "wrong")

    threads = [threading.Thread(target=guess) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.kinds().count("administrator.sign_in_refused") == rules.MAX_FAILURES


def test_sessions_end_with_the_password_and_with_the_administrator(world: World, ada: Administrator) -> None:
    """A changed role does not end them; a changed password and switching off do."""
    administrators, me = world.engine.administrators, world.actor

    def session(epoch: int) -> Administrator | None:
        return administrators.session(me.tenant, ada.id, epoch)

    assert session(1) == ada
    assert administrators.set_role(me, "ada", role="viewer").role is Role.VIEWER
    now = session(1)
    assert now is not None
    assert now.role is Role.VIEWER
    administrators.set_password(me, "ada", password="another long password")
    assert session(1) is None
    assert session(2) is not None
    administrators.deactivate(me, "ada")
    assert session(2) is None
    assert session(3) is None
    assert sign_in(world, "another long password") is None
    administrators.reactivate(me, "ada")
    assert sign_in(world, "another long password") is not None
    with pytest.raises(NotFound):
        administrators.deactivate(me, "nobody")


def test_doing_it_twice_is_doing_it_once(world: World, ada: Administrator) -> None:
    """The same role, and switching on who is on, change nothing."""
    with Unchanged(world):
        world.engine.administrators.set_role(world.actor, "ada", role="operator")
        world.engine.administrators.reactivate(world.actor, "ada")


def test_another_tenants_administrator_is_nobody_here(world: World, ada: Administrator) -> None:
    """Neither name nor session counts elsewhere."""
    stranger = world.stranger()
    assert sign_in(stranger) is None
    assert stranger.engine.administrators.session(stranger.actor.tenant, ada.id, 1) is None


def test_each_role_may_all_that_the_one_before_may() -> None:
    """And something more; what nobody may ask for is refused to all."""
    roles = list(Role)
    for lower, higher in itertools.pairwise(roles):
        assert rules.ALLOWED[lower] < rules.ALLOWED[higher]
    assert rules.ALLOWED[Role.OWNER] == rules.ACTIONS
    assert not any(rules.can(role, "everything") for role in roles)
    assert not any(action.endswith((".write", ".archive")) for action in rules.ALLOWED[Role.VIEWER])


def test_lock_ends_at_its_instant() -> None:
    """At the very instant a password is looked at again."""
    now = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    one = Administrator(
        id="i",
        tenant="t",
        name="ada",
        role=Role.OWNER,
        password="",
        failures=0,
        locked_until=now,
        epoch=1,
        active=True,
        created_at=now,
    )
    assert rules.may_try(one, now)
    assert not rules.may_try(one, now - dt.timedelta(microseconds=1))
