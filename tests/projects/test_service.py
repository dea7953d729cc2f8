from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seatguard import AuthenticationFailed, Conflict, InvalidInput, Misconfigured, NotFound
from seatguard.keys import ApiKey
from seatguard.projects.model import Access
from tests.worlds import Unchanged, World

DAY = dt.timedelta(days=1)


@pytest.fixture
def world() -> World:
    return World.in_memory()


def works(world: World, key: ApiKey, domain: str = "acme.example") -> bool:
    """Whether a key identifies anybody now."""
    try:
        world.engine.projects.identify(key.reveal(), domain)
    except AuthenticationFailed:
        return False
    return True


def test_an_added_project_is_found_and_on_record(world: World) -> None:
    """A project belongs to its client, has its domains in one spelling, and its entry tells so."""
    project = world.engine.projects.add(
        world.actor, world.client.id, name="Shop", domains=("Shop.Example.", "münchen.de", "shop.example")
    )
    assert world.engine.projects.get(world.actor, project.id) == project
    assert world.engine.projects.find(world.actor, client_id=world.client.id, name="Shop") == project
    names = [domain.name for domain in world.engine.projects.domains(world.actor, project.id)]
    assert names == ["shop.example", "xn--mnchen-3ya.de"]
    (entry,) = world.entries(stream=project.id)
    assert entry.kind == "project.added"
    assert entry.data["name"] == "Shop"
    assert entry.data["client"] == world.client.id


def test_a_name_is_taken_once_within_a_client(world: World) -> None:
    """A second project of the same name and client is refused and leaves no domain behind."""
    with Unchanged(world), pytest.raises(Conflict) as caught:
        world.engine.projects.add(world.actor, world.client.id, name="Project", domains=("b.example",))
    assert caught.value.code == "project_exists"
    other = world.engine.clients.add(world.actor, name="Other")
    world.engine.projects.add(world.actor, other.id, name="Project", domains=("acme.example",))


@pytest.mark.parametrize(
    ("domain", "options", "code"),
    [
        ("https://x.example/a", {}, "domain_not_url"),
        ("x.example:443", {}, "domain_has_port"),
        ("good.example@evil.example", {}, "invalid_domain"),
        ("localhost", {}, "domain_not_allowed"),
        ("127.0.0.1", {}, "domain_not_allowed"),
        ("*.x.example", {}, "domain_not_allowed"),
        ("*.localhost", {"allow_wildcards": True}, "domain_not_allowed"),
        ("", {}, "required"),
        (5, {}, "string_expected"),
        (None, {}, "string_expected"),
        (b"x.example", {}, "string_expected"),
    ],
    ids=repr,
)
def test_a_broken_domain_changes_nothing(
    world: World, domain: Any, options: dict[str, bool], code: str
) -> None:
    """What is no domain, or of a kind the project did not turn on, is refused before anything is written."""
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.projects.add(world.actor, world.client.id, name="New", domains=(domain,), **options)
    assert caught.value.code == code
    project = world.engine.projects.add(world.actor, world.client.id, name="New", **options)
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.projects.add_domain(world.actor, project.id, domain)
    assert caught.value.code == code


def test_domains_of_special_kinds_are_turned_on_by_project(world: World) -> None:
    """Local names and wildcards are accepted where the project says so, both together where it says both."""
    project = world.engine.projects.add(
        world.actor,
        world.client.id,
        name="Dev",
        domains=("localhost", "127.0.0.1", "*.x.example", "*.localhost"),
        allow_dev_domains=True,
        allow_wildcards=True,
    )
    names = [domain.name for domain in world.engine.projects.domains(world.actor, project.id)]
    assert names == ["localhost", "127.0.0.1", "*.x.example", "*.localhost"]


def test_adding_a_domain_twice_is_once(world: World) -> None:
    """The second time, in whatever spelling, is the same domain and no entry."""
    domain = world.engine.projects.add_domain(world.actor, world.project.id, "shop.acme.example")
    entry = world.last(stream=world.project.id)
    assert (entry.kind, entry.subject) == ("project.domain_added", domain.id)
    assert entry.data == {"domain": "shop.acme.example"}
    with Unchanged(world):
        again = world.engine.projects.add_domain(world.actor, world.project.id, "SHOP.acme.example.")
    assert again == domain


def test_a_key_is_shown_once_and_kept_as_a_digest(world: World) -> None:
    """Neither records nor journal hold the secret; what is shown of it is its beginning and its end."""
    made = world.engine.projects.add_key(world.actor, world.project.id)
    secret = made.secret.reveal()
    (kept,) = world.engine.projects.keys(world.actor, world.project.id)
    assert kept == made.record
    assert (kept.prefix, kept.last4) == (secret[:12], secret[-4:])
    assert secret not in repr(kept) + repr(made) + repr(world.entries())
    assert (world.last().kind, world.last().data) == ("key.added", {"prefix": kept.prefix, "mode": "live"})
    assert world.engine.projects.find_key(world.actor, kept.prefix) == kept
    assert world.engine.projects.find_key(world.actor, kept.id) == kept


def test_what_a_key_identifies(world: World) -> None:
    """A key and a domain of the project name tenant, client, project and mode."""
    made = world.engine.projects.add_key(world.actor, world.project.id)
    assert world.engine.projects.identify(made.secret.reveal(), "acme.example") == Access(
        tenant=world.actor.tenant,
        client=world.client.id,
        project=world.project.id,
        project_name="Project",
        mode="live",
        key_prefix=made.record.prefix,
        key_ends_at=None,
        allow_dev_domains=False,
        domains=("acme.example",),
    )


def test_every_failure_to_identify_is_the_same_error(world: World) -> None:
    """Whatever is wrong, the caller learns nothing but that it is."""
    projects = world.engine.projects
    live = projects.add_key(world.actor, world.project.id)
    secret = live.secret.reveal()
    typo = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    unknown = World.in_memory()
    foreign = unknown.engine.projects.add_key(unknown.actor, unknown.project.id).secret.reveal()
    revoked = projects.add_key(world.actor, world.project.id)
    projects.revoke_key(world.actor, revoked.record.id)
    presented = [
        (typo, "acme.example"),
        (foreign, "acme.example"),
        (revoked.secret.reveal(), "acme.example"),
        (secret, "other.example"),
        (secret, "acme.example."),
        ("1234567890123456", "acme.example"),
        (1234567890123456, "acme.example"),
        ("é" * 46, "acme.example"),
        ("x" * 5000, "acme.example"),
        ("", "acme.example"),
        (None, "acme.example"),
    ]
    told = set()
    for key, domain in presented:
        with pytest.raises(AuthenticationFailed) as caught:
            projects.identify(key, domain)
        told.add((str(caught.value), caught.value.args, caught.value.__cause__))
    assert len(told) == 1
    assert works(world, live.secret)


@pytest.mark.parametrize("verb", ["suspend", "archive"])
def test_keys_of_a_client_out_of_favour_identify_nobody(world: World, verb: str) -> None:
    """A suspended or archived client's keys stop at once and come back with the client."""
    made = world.engine.projects.add_key(world.actor, world.project.id)
    getattr(world.engine.clients, verb)(world.actor, world.client.id)
    assert not works(world, made.secret)
    world.engine.clients.resume(world.actor, world.client.id)
    assert works(world, made.secret)


def test_a_third_live_key_is_refused(world: World) -> None:
    """Two live keys of a mode are the most; test keys are counted for themselves, revoked ones not at all."""
    projects = world.engine.projects
    first = projects.add_key(world.actor, world.project.id)
    projects.add_key(world.actor, world.project.id)
    with Unchanged(world), pytest.raises(Conflict) as caught:
        projects.add_key(world.actor, world.project.id)
    assert caught.value.code == "too_many_keys"
    projects.add_key(world.actor, world.project.id, mode="test")
    projects.revoke_key(world.actor, first.record.id)
    projects.add_key(world.actor, world.project.id)


def test_a_rotated_key_goes_on_for_the_overlap(world: World) -> None:
    """Both keys work until the old one's end, and from that instant only the new one."""
    projects = world.engine.projects
    old = projects.add_key(world.actor, world.project.id)
    new = projects.rotate_key(world.actor, old.record.id, overlap=DAY)
    assert (new.record.mode, new.record.format) == ("live", "sg")
    entry = world.last()
    assert (entry.kind, entry.subject) == ("key.rotated", new.record.id)
    assert entry.data == {
        "prefix": new.record.prefix,
        "mode": "live",
        "old": old.record.prefix,
        "old_ends_at": (world.clock() + DAY).isoformat(),
    }
    world.clock.travel(days=1, microseconds=-1)
    assert works(world, old.secret)
    assert works(world, new.secret)
    world.clock.travel(microseconds=1)
    assert not works(world, old.secret)
    assert works(world, new.secret)
    world.check()


def test_a_snapshot_does_not_prolong_a_rotated_key(world: World) -> None:
    """The end is compared with the clock on every call, however fresh the snapshot is taken for."""
    engine = World.on(world.store, world.clock, max_age=3600).engine
    world.engine = engine
    old = engine.projects.add_key(world.actor, world.project.id)
    engine.projects.rotate_key(world.actor, old.record.id, overlap=DAY)
    assert works(world, old.secret)
    world.clock.travel(days=1)
    assert not works(world, old.secret)


def test_rotation_never_makes_a_third_live_key(world: World) -> None:
    """With another live key there is room for the new one only when the old one stops at once."""
    projects = world.engine.projects
    old = projects.add_key(world.actor, world.project.id)
    other = projects.add_key(world.actor, world.project.id)
    with Unchanged(world), pytest.raises(Conflict) as caught:
        projects.rotate_key(world.actor, old.record.id, overlap=DAY)
    assert caught.value.code == "too_many_keys"
    new = projects.rotate_key(world.actor, old.record.id, overlap=dt.timedelta(0))
    assert [works(world, key.secret) for key in (old, other, new)] == [False, True, True]


def test_rotating_during_an_overlap_waits_for_its_end(world: World) -> None:
    """A key in its overlap counts as live, and rotating it again does not prolong it."""
    projects = world.engine.projects
    first = projects.add_key(world.actor, world.project.id)
    second = projects.rotate_key(world.actor, first.record.id, overlap=DAY)
    with Unchanged(world), pytest.raises(Conflict):
        projects.rotate_key(world.actor, second.record.id, overlap=DAY)
    world.clock.travel(days=1)
    third = projects.rotate_key(world.actor, second.record.id, overlap=DAY)
    assert [works(world, key.secret) for key in (first, second, third)] == [False, True, True]
    with Unchanged(world), pytest.raises(Conflict) as caught:
        projects.rotate_key(world.actor, first.record.id)
    assert caught.value.code == "key_not_live"


@pytest.mark.parametrize("overlap", [dt.timedelta(seconds=-1), dt.timedelta(days=8)])
def test_a_broken_overlap_changes_nothing(world: World, overlap: dt.timedelta) -> None:
    """The overlap is judged before a key is made."""
    made = world.engine.projects.add_key(world.actor, world.project.id)
    with Unchanged(world), pytest.raises(InvalidInput):
        world.engine.projects.rotate_key(world.actor, made.record.id, overlap=overlap)


def test_a_revoked_key_stops_at_once_and_stays_so(world: World) -> None:
    """Revoking is one entry; twice is once; a revoked key is not rotated."""
    world.engine = World.on(world.store, world.clock, max_age=3600).engine
    projects = world.engine.projects
    made = projects.add_key(world.actor, world.project.id)
    assert works(world, made.secret)
    revoked = projects.revoke_key(world.actor, made.record.id)
    assert revoked.revoked_at == world.clock()
    assert not works(world, made.secret)
    assert (world.last().kind, world.last().data) == ("key.revoked", {"prefix": made.record.prefix})
    with Unchanged(world):
        assert projects.revoke_key(world.actor, made.record.id) == revoked
    with Unchanged(world), pytest.raises(Conflict) as caught:
        projects.rotate_key(world.actor, made.record.id)
    assert caught.value.code == "key_not_live"


def test_a_key_of_sixteen_digits_needs_a_pepper(world: World) -> None:
    """Without one it is refused and nothing is written; with one it identifies, also after rotation."""
    bare = World.in_memory(pepper=None)
    with Unchanged(bare), pytest.raises(Misconfigured, match="SEATGUARD_KEY_PEPPER"):
        bare.engine.projects.add_key(bare.actor, bare.project.id, digits16=True)
    made = world.engine.projects.add_key(world.actor, world.project.id, digits16=True)
    assert made.secret.reveal().isdigit()
    assert made.record.prefix == "digits16"
    assert works(world, made.secret)
    rotated = world.engine.projects.rotate_key(world.actor, made.record.id)
    assert rotated.record.format == "digits16"
    with pytest.raises(NotFound, match="use its id"):
        world.engine.projects.find_key(world.actor, "digits16")


@pytest.mark.parametrize(
    ("mode", "digits16"), [("Live", False), ("", False), ("production", False), ("test", True)]
)
def test_a_broken_mode_changes_nothing(world: World, mode: str, digits16: bool) -> None:
    """A key is live or test, and one of 16 digits is live."""
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.projects.add_key(world.actor, world.project.id, mode=mode, digits16=digits16)
    assert caught.value.problems[0].field == "mode"


def test_a_test_key_sees_test_data_only(world: World) -> None:
    """What a test key names are the test subscriptions, and what it does there changes nothing live."""
    world.service(1)
    world.service(1, mode="test")
    secret = world.engine.projects.add_key(world.actor, world.project.id, mode="test").secret.reveal()
    access = world.engine.projects.identify(secret, "acme.example")
    assert access.mode == "test"
    here = world.engine.where(access.project, mode=access.mode)
    assert world.engine.seats.take(world.actor, here, "ada").allowed
    assert not world.engine.seats.take(world.actor, here, "bob").allowed
    assert world.engine.seats.find(world.actor, world.where, "ada") is None
    assert world.engine.seats.list(world.actor, world.where).items == ()
    assert world.engine.seats.take(world.actor, world.where, "bob").allowed
    assert world.engine.seats.list(world.actor, here).items[0].holder == "ada"


def test_keys_made_before_the_pepper_stay_valid(world: World) -> None:
    """A pepper that is set later keeps the older keys, and protects the newer ones."""
    bare = World.in_memory(pepper=None)
    old = bare.engine.projects.add_key(bare.actor, bare.project.id)
    peppered = World.on(bare.store, bare.clock).engine.projects
    new = peppered.add_key(bare.actor, bare.project.id)
    assert (old.record.digest_version, new.record.digest_version) == (1, 2)
    for made in (old, new):
        assert peppered.identify_key(made.secret.reveal()).project == bare.project.id
    with pytest.raises(AuthenticationFailed):
        bare.engine.projects.identify_key(new.secret.reveal())


@pytest.mark.parametrize("nonsense", ["0199f000-0000-7000-8000-000000000000", "../x", "", "\x00"])
def test_an_unknown_project_or_key_is_not_found(world: World, nonsense: str) -> None:
    """Ids that are none of ours and texts that are no ids answer alike, and nothing is written."""
    projects = world.engine.projects
    calls = (
        lambda: projects.get(world.actor, nonsense),
        lambda: projects.add_domain(world.actor, nonsense, "x.example"),
        lambda: projects.add_key(world.actor, nonsense),
        lambda: projects.rotate_key(world.actor, nonsense),
        lambda: projects.revoke_key(world.actor, nonsense),
        lambda: projects.find_key(world.actor, nonsense),
        lambda: projects.add(world.actor, nonsense, name="N"),
    )
    for call in calls:
        with Unchanged(world), pytest.raises(NotFound):
            call()
    assert projects.find(world.actor, client_id=nonsense, name="Project") is None
    assert projects.list(world.actor, client_id=nonsense).items == ()


def test_projects_are_found_by_a_host_they_registered(world: World) -> None:
    """By the name itself or by a wildcard above it, in any spelling; a stranger's host is nobody's."""
    wide = world.engine.projects.add(
        world.actor, world.client.id, name="Wide", domains=("*.acme.example",), allow_wildcards=True
    )
    local = world.engine.projects.add(
        world.actor, world.client.id, name="Local", domains=("localhost",), allow_dev_domains=True
    )
    at_host = world.engine.projects.at_host
    assert at_host(world.actor, "ACME.example.") == (world.project.id,)
    assert at_host(world.actor, "a.b.acme.example") == (wide.id,)
    assert at_host(world.actor, "localhost") == (local.id,)
    assert at_host(world.actor, "other.example") == ()
    assert at_host(world.actor, "no host at all") == ()
    assert at_host(world.stranger().actor, "a.b.acme.example") == ()
