"""Everything that is sold, as a file: made, changed, exported, and made again elsewhere."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seatguard import Actor, InvalidInput, Seatguard
from seatguard.entitlements import Subject
from seatguard.journal.ports import Search
from seatguard.manifest import Report, apply, export, from_json, from_toml, to_json, to_toml
from seatguard.manifest.paging import whole

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)

EVERYTHING = (Path(__file__).parents[2] / "examples" / "pricing" / "price-list.toml").read_text()


@pytest.fixture
def engine() -> Seatguard:
    return Seatguard.open("memory:", clock=lambda: NOW)


@pytest.fixture
def me(engine: Seatguard) -> Actor:
    return engine.actor("cli", "apply")


def made(engine: Seatguard, me: Actor, text: str) -> None:
    report = apply(engine, me, from_toml(text))
    assert report.ok, report.refusals


def entries(engine: Seatguard, me: Actor) -> int:
    engine.flush()
    return sum(1 for _ in whole(lambda **page: engine.journal.search(me, Search(), **page)))


@pytest.mark.parametrize("write", [to_toml, to_json])
def test_an_export_applied_to_an_empty_store_gives_the_same_export(
    engine: Seatguard, me: Actor, write: object
) -> None:
    """Byte by byte, with everything that can be sold; and applying it at home changes nothing."""
    read = from_toml if write is to_toml else from_json
    made(engine, me, EVERYTHING)
    text = write(export(engine, me))  # type: ignore[operator]
    before = entries(engine, me)
    again = apply(engine, me, read(text))
    assert (again.changes, again.refusals) == ([], [])
    assert entries(engine, me) == before
    other = Seatguard.open("memory:", clock=lambda: NOW)
    you = other.actor("cli", "apply")
    assert apply(other, you, read(text)).ok
    assert write(export(other, you)) == text  # type: ignore[operator]


def test_the_export_says_what_the_file_said(engine: Seatguard, me: Actor) -> None:
    """Nothing is lost and nothing is made up: but for the order, it is the file."""
    made(engine, me, EVERYTHING)
    found = export(engine, me)
    wanted = from_toml(EVERYTHING)
    assert sorted(map(repr, found.features)) == sorted(map(repr, wanted.features))
    assert (found.options, found.defaults, found.products, found.addons, found.plans, found.users) == (
        wanted.options,
        wanted.defaults,
        wanted.products,
        wanted.addons,
        wanted.plans,
        wanted.users,
    )
    assert found.clients[0].projects[0].services == wanted.clients[0].projects[0].services


def test_what_was_applied_is_granted(engine: Seatguard, me: Actor) -> None:
    """The file is the price list: what it says is what is checked."""
    made(engine, me, EVERYTHING)
    project = engine.projects.list(me).items[0].id
    service = next(one for one in engine.subscriptions.list(me).items if one.type == "a")
    granted = engine.entitlements.granted(me, Subject(subscription=service.id))
    assert granted.entitlement("minutes").value == 900
    assert (service.limit, granted.entitlement("support").value) == (15, "phone")
    assert engine.entitlements.check(me, Subject(user="ada"), "sso").facts.source == "user"
    assert engine.entitlements.check(me, Subject(user="eve"), "minutes").facts.value == 10
    assert engine.where(project).project == project


def test_a_dry_run_tells_the_difference_and_whom_it_touches(engine: Seatguard, me: Actor) -> None:
    """Old and new values by their paths, and how many subscriptions have the plan."""
    made(engine, me, EVERYTHING)
    text = (
        EVERYTHING.replace("maxConcurrentSessions = 5\n", "maxConcurrentSessions = 7\n")
        .replace("amount = 1900", "amount = 2000")
        .replace("five-seats = 2", "five-seats = 3")
        .replace("minutes = 10\n", "minutes = 20\n")
        .replace("most = 10", "most = 20")
        .replace('title = "Minutes"', 'title = "Minutes of speech"')
        .replace('name = "Speech"', 'name = "Speech!"')
    )
    before = entries(engine, me)
    report = apply(engine, me, from_toml(text), dry_run=True)
    assert entries(engine, me) == before
    told = {
        change.what: (change.subject, change.before, change.after, change.touches)
        for change in report.changes
    }
    prices = "5; prices currency EUR amount {} per_seat 500+currency JPY amount 3000 per_seat 0, {}"
    sessions = "quotas.speech-service.maxConcurrentSessions"
    assert told == {
        "product.changed": ("speech", "name Speech", "name Speech!", None),
        "feature.redefined": (
            "speech-service.minutes",
            "title Minutes",
            "title Minutes of speech",
            None,
        ),
        "addon.changed": ("five-seats", "most 10", "most 20", None),
        "plan.published": (
            "pro",
            prices.format(1900, f"{sessions} 5"),
            prices.format(2000, f"{sessions} 7"),
            3,
        ),
        "override.changed": (
            "defaults",
            "quotas.speech-service.minutes 10",
            "quotas.speech-service.minutes 20",
            None,
        ),
        "service.addon_changed": ("Acme / Shop / a", "2 five-seats", "3 five-seats", None),
    }
    assert apply(engine, me, from_toml(text)).changes == report.changes
    assert apply(engine, me, from_toml(text)).changes == []


def test_silence_keeps_and_an_empty_table_takes_away(engine: Seatguard, me: Actor) -> None:
    """A plan that says nothing of its quotas keeps them; one with an empty table has none."""
    apply(
        engine, me, from_toml('[[plans]]\nslug = "pro"\nseats = 5\ntrial_days = 3\n[plans.quotas.a]\nb = 5\n')
    )
    silent = '[[plans]]\nslug = "pro"\nseats = 5\n'
    assert apply(engine, me, from_toml(silent)).changes == []
    assert apply(engine, me, from_toml(silent + "[plans.quotas]\n")).changes != []
    assert engine.catalog.current(me, "pro").offer.to_data() == {"trial_days": 3}


def test_two_plans_of_a_user_who_may_have_one_are_refused(engine: Seatguard, me: Actor) -> None:
    """Else every run would put the user from one onto the other."""
    text = """
        plans = [{slug = "a", seats = 1}, {slug = "b", seats = 1}]
        users = [{user = "ada", plan = "a"}, {user = "ada", plan = "b"}, {user = "bob", plan = "b"}]
    """
    report = apply(engine, me, from_toml(text))
    assert [(one.subject, one.code) for one in report.refusals] == [("user ada", "contradiction")] * 2
    assert [change.subject for change in apply(engine, me, from_toml(text), dry_run=True).changes] == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('[[plans]]\nslug = "a"\n[plans.quotas.b]\nc = "5"', "plans[0].quotas.b.c"),
        ('[[plans]]\nslug = "a"\nquota = 5', "plans[0].quota"),
        (
            '[[plans]]\nslug = "a"\n[[plans.prices]]\ncurrency = "EUR"\namount = 1.5',
            "plans[0].prices[0].amount",
        ),
        ('[[features]]\nname = "a"\nkind = "switch"', "features[0].kind"),
        (
            '[[features]]\nname = "a"\nkind = "rate"\n[features.settings]\nperiod = "day"',
            "features[0].settings.period",
        ),
        ('[[features]]\nname = "a b"\nkind = "rate"', "features[0].name"),
        ('[[addons]]\nslug = "a"\ntrial_days = 5', "addons[0].trial_days"),
        ("[defaults.quotas.a]\nb = -2", "defaults.quotas.a.b"),
        ("[defaults]\nseats = 5", "defaults.seats"),
        ("[options]\none_plan = true", "options.one_plan"),
        ('[[users]]\nuser = "a"\nends_at = "2027-01-01"\nplan = "b"', "users[0].ends_at"),
        ('[[users]]\nuser = "a"\nplan = "b"\n[[users]]\nuser = "a"\nplan = "b"', "users[1]"),
        ('[[users]]\nuser = "a"\n[users.grants]\nprices = []', "users[0].grants.prices"),
        ('[[products]]\nslug = "a"\n[[products]]\nslug = "a"', "products[1]"),
    ],
)
def test_broken_files_are_refused_by_path(text: str, path: str) -> None:
    """Where it is wrong is told as a path in the file."""
    with pytest.raises(InvalidInput) as caught:
        from_toml(text)
    assert path in [problem.field for problem in caught.value.problems]


def test_a_store_in_a_database_keeps_it_all(tmp_path: Path) -> None:
    """What comes out of SQLite is what went in."""
    engine = Seatguard.open(f"sqlite:///{tmp_path / 'sold.db'}", clock=lambda: NOW)
    me = engine.actor("cli", "apply")
    made(engine, me, EVERYTHING)
    memory = Seatguard.open("memory:", clock=lambda: NOW)
    you = memory.actor("cli", "apply")
    made(memory, you, EVERYTHING)
    assert to_toml(export(engine, me)) == to_toml(export(memory, you))
    assert list(engine.journal.verify(me)) == []
    engine.close()


def test_several_processes_that_apply_one_list_make_it_once(tmp_path: Path) -> None:
    """As when a deployment starts several machines at once: nobody is refused, nothing is there twice."""
    url = f"sqlite:///{tmp_path / 'sold.db'}"
    Seatguard.open(url).close()
    barrier = threading.Barrier(3)

    def deploy(_: int) -> Report:
        engine = Seatguard.open(url, clock=lambda: NOW)
        barrier.wait()
        report = apply(engine, engine.actor("cli", "apply"), from_toml(EVERYTHING))
        engine.close()
        return report

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(deploy, range(3)))
    assert [report.refusals for report in reports] == [[]] * 3
    engine = Seatguard.open(url, clock=lambda: NOW)
    me = engine.actor("cli", "apply")
    assert apply(engine, me, from_toml(EVERYTHING)).changes == []
    assert list(engine.journal.verify(me)) == []
    engine.close()
