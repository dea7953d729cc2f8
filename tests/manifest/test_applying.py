"""A manifest applied makes the store as the file says, once, and reports the rest."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seatguard import Actor, Seatguard, Where
from seatguard.clients.model import ClientState
from seatguard.errors import StorageUnavailable
from seatguard.journal.ports import Search
from seatguard.manifest import Report, apply, export, from_toml, to_toml
from seatguard.manifest.paging import whole
from seatguard.seats.model import SeatState

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)

TEAM = """
[[plans]]
slug = "team"
name = "Team"
seats = 3

[[clients]]
name = "Acme"
external_id = "crm-7"

[[clients.projects]]
name = "Shop"
domains = ["shop.example.com"]

[[clients.projects.services]]
plan = "team"
expiry = "2027-12-31"

[[clients.projects.services.users]]
username = "ada"
email = "ada@example.com"

[[clients.projects.services.users]]
username = "bob"
"""


@pytest.fixture
def engine() -> Seatguard:
    return Seatguard.open("memory:", clock=lambda: NOW)


@pytest.fixture
def me(engine: Seatguard) -> Actor:
    return engine.actor("cli", "apply")


def changes(report: Report) -> list[tuple[str, str]]:
    return [(change.what, change.subject) for change in report.changes]


def entries(engine: Seatguard, me: Actor) -> int:
    engine.flush()
    return sum(1 for _ in whole(lambda **page: engine.journal.search(me, Search(), **page)))


def test_everything_is_made(engine: Seatguard, me: Actor) -> None:
    """An empty store becomes what the file says; each step is reported in the words of the journal."""
    report = apply(engine, me, from_toml(TEAM))
    assert report.ok
    assert changes(report) == [
        ("plan.added", "team"),
        ("client.added", "Acme (crm-7)"),
        ("project.added", "Acme / Shop"),
        ("key.added", "Acme / Shop"),
        ("service.added", "Acme / Shop / web"),
        ("user.seated", "Acme / Shop / web / ada"),
        ("user.seated", "Acme / Shop / web / bob"),
    ]
    (key,) = report.new_keys
    access = engine.projects.identify(key.secret.reveal(), "shop.example.com")
    assert access.project_name == "Shop"
    facts = engine.seats.check(me, Where(project=access.project)).facts
    assert facts.terms is not None
    assert (facts.terms.limit, facts.usage.live, facts.terms.expires_on) == (3, 2, dt.date(2027, 12, 31))


def test_a_second_time_changes_nothing(engine: Seatguard, me: Actor) -> None:
    """Not a change, not a key, not an entry in the journal."""
    apply(engine, me, from_toml(TEAM))
    before = entries(engine, me)
    again = apply(engine, me, from_toml(TEAM))
    assert (again.changes, again.refusals, again.kept, again.new_keys) == ([], [], [], [])
    assert entries(engine, me) == before


def test_a_dry_run_tells_the_same_and_does_nothing(engine: Seatguard, me: Actor) -> None:
    """What would be done is told as it would be reported, without a key and without an entry."""
    before = entries(engine, me)
    planned = apply(engine, me, from_toml(TEAM), dry_run=True)
    assert planned.dry_run
    assert planned.new_keys == []
    assert entries(engine, me) == before
    assert changes(planned) == changes(apply(engine, me, from_toml(TEAM)))


def test_what_differs_is_changed(engine: Seatguard, me: Actor) -> None:
    """Names, seats, limits, dates, domains, users and states follow the file."""
    apply(engine, me, from_toml(TEAM))
    text = (
        TEAM.replace('"Team"', '"Team plan"')
        .replace("seats = 3", "seats = 5")
        .replace('name = "Acme"', 'name = "Acme Ltd"\nstate = "suspended"')
        .replace(
            'domains = ["shop.example.com"]', 'domains = ["shop.example.com", "b.example.com"]\nkeys = 2'
        )
        .replace('expiry = "2027-12-31"', 'expiry = "never"\nlimit = 4\nstate = "suspended"')
        .replace('username = "bob"', 'username = "cy"')
    )
    planned = apply(engine, me, from_toml(text), dry_run=True)
    report = apply(engine, me, from_toml(text))
    assert report.ok
    assert changes(report) == changes(planned)
    assert [change.what for change in report.changes] == [
        "plan.renamed",
        "plan.published",
        "client.renamed",
        "project.domain_added",
        "key.added",
        "service.limit_changed",
        "service.renewed",
        "user.seated",
        "service.suspended",
        "client.suspended",
    ]
    assert [kept.message for kept in report.kept] == ["1 users are not in the file and stay"]
    assert apply(engine, me, from_toml(text)).changes == []


def test_what_the_file_leaves_out_stays(engine: Seatguard, me: Actor) -> None:
    """A file without dates, states, emails or names does not reset them."""
    text = """
        plans = [{slug = "team", name = "Team", seats = 3}]
        [[clients]]
        name = "Acme"
        state = "suspended"
        [[clients.projects]]
        name = "Shop"
        [[clients.projects.services]]
        plan = "team"
        overage = "+1"
        expiry = "2027-12-31"
        timezone = "Europe/Berlin"
        grace_days = 3
        state = "suspended"
        """
    short = """
        plans = [{slug = "team", seats = 3}]
        [[clients]]
        name = "Acme"
        [[clients.projects]]
        name = "Shop"
        [[clients.projects.services]]
        plan = "team"
        """
    apply(engine, me, from_toml(text))
    full = export(engine, me)
    report = apply(engine, me, from_toml(short))
    assert (report.changes, report.refusals) == ([], [])
    assert export(engine, me) == full


def test_domains_are_added_and_never_removed(engine: Seatguard, me: Actor) -> None:
    """A domain that the file no longer names is reported and keeps working."""
    apply(engine, me, from_toml(TEAM))
    report = apply(engine, me, from_toml(TEAM.replace("shop.example.com", "new.example.com")))
    assert report.ok
    assert changes(report) == [("project.domain_added", "Acme / Shop")]
    assert [kept.message for kept in report.kept] == ["domain shop.example.com is not in the file and stays"]


LOWERED = TEAM.replace('plan = "team"', "limit = 1")


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("text", "what"),
    [
        (TEAM.replace("seats = 3", "seats = 1"), "plan.published"),
        (TEAM.replace('plan = "team"', 'plan = "team"\nlimit = 1'), "service.limit_changed"),
        (TEAM.replace('plan = "team"', "limit = 1"), "service.limit_changed"),
    ],
)
def test_lowering_below_use_is_refused_and_the_rest_goes_on(
    engine: Seatguard, me: Actor, text: str, what: str, dry_run: bool
) -> None:
    """The refusal names both numbers, the limit stays, and what comes after it is done."""
    apply(engine, me, from_toml(TEAM))
    report = apply(engine, me, from_toml(text.replace("2027-12-31", "2028-12-31")), dry_run=dry_run)
    assert not report.ok
    (refusal,) = report.refusals
    assert (refusal.what, refusal.code) == (what, "limit_below_usage")
    assert "2 taken, 1 allowed" in refusal.message
    assert [change.what for change in report.changes] == ["service.renewed"]
    (service,) = engine.subscriptions.list(me).items
    assert service.limit == 3


@pytest.mark.parametrize("dry_run", [True, False])
def test_no_seat_is_sold_twice_by_a_file(engine: Seatguard, me: Actor, dry_run: bool) -> None:
    """Users beyond the limit are refused one by one."""
    text = TEAM.replace("seats = 3", "seats = 1")
    report = apply(engine, me, from_toml(text), dry_run=dry_run)
    assert [(refusal.subject, refusal.code) for refusal in report.refusals] == [
        ("Acme / Shop / web / bob", "limit_reached")
    ]
    if not dry_run:
        again = apply(engine, me, from_toml(text), dry_run=True)
        assert [refusal.subject for refusal in again.refusals] == ["Acme / Shop / web / bob"]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('plan = "team"', 'plan = "team"\ntimezone = "Asia/Tokyo"', "timezone"),
        ('plan = "team"', 'plan = "team"\noverage = "+1"', "overage"),
        ('plan = "team"', 'plan = "team"\ngrace_days = 1', "grace_days"),
        ('plan = "team"', 'plan = "team"\nstarts = "2026-01-01"', "starts"),
        ('name = "Shop"', 'name = "Shop"\nallow_dev_domains = true', "allow_dev_domains"),
        ('name = "Shop"', 'name = "Shop"\nallow_wildcards = true', "allow_wildcards"),
    ],
)
def test_what_was_fixed_at_the_start_may_change(
    engine: Seatguard, me: Actor, old: str, new: str, field: str
) -> None:
    """Terms of a service and flags of a project follow the file; a dry run tells the same."""
    apply(engine, me, from_toml(TEAM))
    wanted = from_toml(TEAM.replace(old, new))
    planned = apply(engine, me, wanted, dry_run=True)
    report = apply(engine, me, wanted)
    assert report.ok
    (change,) = report.changes
    assert planned.changes == [change]
    assert change.what in ("service.terms_changed", "project.changed")
    assert field in (change.after or "")
    assert apply(engine, me, wanted).changes == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_unknown_plan_is_refused(engine: Seatguard, me: Actor, dry_run: bool) -> None:
    """The service is not made; its project is."""
    report = apply(engine, me, from_toml(TEAM.replace('plan = "team"', 'plan = "gold"')), dry_run=dry_run)
    assert [(refusal.what, refusal.code) for refusal in report.refusals] == [("service.added", "not_found")]
    assert ("project.added", "Acme / Shop") in changes(report)


def test_a_deactivated_plan_takes_no_new_service(engine: Seatguard, me: Actor) -> None:
    """The engine's own rule decides, and the refusal carries its reason."""
    apply(engine, me, from_toml('plans = [{slug = "team", seats = 3, active = false}]'))
    report = apply(engine, me, from_toml(TEAM))
    assert [refusal.code for refusal in report.refusals] == ["plan_inactive"]


def test_a_plan_is_deactivated_last(engine: Seatguard, me: Actor) -> None:
    """A file names a plan's subscribers beside it: they are on it before it is closed."""
    text = TEAM.replace("seats = 3", "seats = 3\nactive = false")
    report = apply(engine, me, from_toml(text))
    assert report.ok
    assert changes(report)[-1] == ("plan.deactivated", "team")
    assert not engine.catalog.get(me, "team").active
    assert apply(engine, me, from_toml(text)).changes == []


def test_a_service_moves_to_another_plan(engine: Seatguard, me: Actor) -> None:
    """From an own limit to a plan and from plan to plan, whichever order the numbers need."""
    plans = 'plans = [{slug = "small", seats = 1}, {slug = "team", seats = 3}]\n'
    rest = TEAM.partition("[[clients]]")[2]
    own = plans + "[[clients]]" + rest.replace('plan = "team"', "limit = 9")
    team = plans + "[[clients]]" + rest
    small = team.replace('plan = "team"', 'plan = "small"\nlimit = 9')
    apply(engine, me, from_toml(own))
    for text, limit in ((team, 3), (small, 9), (team, 3)):
        assert apply(engine, me, from_toml(text)).ok
        assert engine.subscriptions.list(me).items[0].limit == limit
        assert apply(engine, me, from_toml(text)).changes == []


def test_a_client_without_an_external_id_is_known_by_name(engine: Seatguard, me: Actor) -> None:
    """And is another than the client of that name with an external id."""
    text = 'clients = [{name = "Acme", external_id = "1"}, {name = "Acme"}]'
    assert len(apply(engine, me, from_toml(text)).changes) == 2
    assert apply(engine, me, from_toml(text)).changes == []


def test_states_follow_the_file(engine: Seatguard, me: Actor) -> None:
    """Suspended, resumed, canceled, archived: in an order in which the users still get their seats."""
    text = TEAM.replace('plan = "team"', 'plan = "team"\nstate = "canceled"')
    text = text.replace('external_id = "crm-7"', 'external_id = "crm-7"\nstate = "archived"')
    assert apply(engine, me, from_toml(text)).ok
    assert engine.clients.list(me).items[0].state is ClientState.ARCHIVED
    resumed = text.replace('"canceled"', '"active"').replace('"archived"', '"active"').replace("bob", "cy")
    assert changes(apply(engine, me, from_toml(resumed))) == [
        ("service.resumed", "Acme / Shop / web"),
        ("user.seated", "Acme / Shop / web / cy"),
        ("client.resumed", "Acme (crm-7)"),
    ]
    trial = apply(engine, me, from_toml(text.replace('"canceled"', '"trialing"')))
    assert [refusal.code for refusal in trial.refusals] == ["not_changeable"]


def test_a_hold_of_a_listed_user_becomes_a_seat(engine: Seatguard, me: Actor) -> None:
    """Who is listed sits for good afterwards, and takes no second seat."""
    apply(engine, me, from_toml(TEAM))
    (project,) = engine.projects.list(me).items
    engine.seats.hold(me, Where(project=project.id), "cy", seconds=60)
    report = apply(engine, me, from_toml(TEAM + '\n[[clients.projects.services.users]]\nusername = "Cy"\n'))
    assert changes(report) == [("user.seated", "Acme / Shop / web / Cy")]
    seat = engine.seats.find(me, Where(project=project.id), "cy")
    assert seat is not None
    assert seat.state is SeatState.ASSIGNED


def test_secrets_are_not_lost_when_the_store_goes_away(
    engine: Seatguard, me: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report that was handed in holds the key that was made before the store failed."""

    def gone(*_: object, **__: object) -> None:
        raise StorageUnavailable("the store is gone")

    monkeypatch.setattr(engine.subscriptions, "add", gone)
    report = Report()
    with pytest.raises(StorageUnavailable):
        apply(engine, me, from_toml(TEAM), report=report)
    assert len(report.new_keys) == 1


def test_no_secret_is_in_what_a_report_shows(engine: Seatguard, me: Actor) -> None:
    """A report that lands in a log shows the beginning of a key and no more."""
    report = apply(engine, me, from_toml(TEAM))
    assert report.new_keys[0].secret.reveal() not in repr(report)


EVERYTHING = """
[[plans]]
slug = "none"
seats = 0

[[plans]]
slug = "old"
name = "Old plan"
seats = "unlimited"

[[plans]]
slug = "team"
name = "Team"
seats = 3

[[clients]]
name = "Acme"

[[clients.projects]]
name = "App"
keys = 0

[[clients.projects]]
name = "Shop"
domains = ["*.example.com", "localhost", "shop.example.com"]
allow_dev_domains = true
allow_wildcards = true
keys = 2

[[clients.projects.services]]
type = "mobile"
unlimited = true
state = "past_due"

[[clients.projects.services]]
plan = "team"
overage = "+10%"
starts = "2026-01-01"
expiry = "2027-12-31"
timezone = "Pacific/Kiritimati"
grace_days = 3

[[clients.projects.services.users]]
username = "Ada"
email = "ada@example.com"

[[clients.projects.services.users]]
username = "bob"

[[clients.projects.services]]
plan = "team"
limit = 3
state = "suspended"

[[clients.projects.services]]
mode = "test"
limit = 2
expiry = "2020-01-01"

[[clients.projects.services.users]]
username = "expired"

[[clients]]
name = "Acme"
external_id = "crm-7"
state = "archived"

[[clients]]
name = "Zoë \\"Z\\" & Söhne"
"""


def test_an_export_applied_to_an_empty_store_gives_the_same_export(engine: Seatguard, me: Actor) -> None:
    """Byte by byte, with what is expired, suspended and archived; and applying it at home changes nothing."""
    assert apply(engine, me, from_toml(EVERYTHING)).ok
    text = to_toml(export(engine, me))
    assert text == EVERYTHING.lstrip()
    assert apply(engine, me, from_toml(text)).changes == []
    other = Seatguard.open("memory:", clock=lambda: NOW)
    you = other.actor("cli", "apply")
    assert apply(other, you, from_toml(text)).ok
    assert to_toml(export(other, you)) == text


def test_a_service_on_an_older_version_keeps_its_limit_in_an_export(engine: Seatguard, me: Actor) -> None:
    """A subscriber that did not follow its plan is exported with the limit that it has."""
    apply(engine, me, from_toml(TEAM))
    engine.publish_plan(me, "team", seats=10, apply_to="new")
    text = to_toml(export(engine, me))
    assert "seats = 10" in text
    assert 'plan = "team"\nlimit = 3\n' in text
    assert apply(engine, me, from_toml(text)).changes == []


def test_an_export_holds_no_key(engine: Seatguard, me: Actor) -> None:
    """Neither the secret nor its beginning."""
    report = apply(engine, me, from_toml(TEAM))
    text = to_toml(export(engine, me))
    assert report.new_keys[0].prefix not in text
    assert "sg_" not in text


@pytest.mark.parametrize("identity", ['\nexternal_id = "crm-7"', ""])
def test_several_processes_that_apply_one_file_make_everything_once(tmp_path: Path, identity: str) -> None:
    """As when a deployment starts several machines at once: one service, or its seats were sold twice."""
    url = f"sqlite:///{tmp_path / 'seats.db'}"
    manifest = from_toml(TEAM.replace('\nexternal_id = "crm-7"', identity))
    Seatguard.open(url).close()
    barrier = threading.Barrier(4)

    def deploy(_: int) -> Report:
        engine = Seatguard.open(url)
        actor = engine.actor("cli", "apply")
        barrier.wait()
        report = apply(engine, actor, manifest)
        engine.close()
        return report

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(deploy, range(4)))
    assert [report.refusals for report in reports] == [[]] * 4
    assert sum(len(report.new_keys) for report in reports) == 1
    engine = Seatguard.open(url)
    me = engine.actor("cli", "test")
    assert len(engine.clients.list(me).items) == len(engine.projects.list(me).items) == 1
    (service,) = engine.subscriptions.list(me).items
    assert engine.seats.usage(me, service.id).live == 2
    assert apply(engine, me, manifest).changes == []
    engine.close()
