"""Every change: done by the administrator, on record, once, and never over somebody else's."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from html import unescape
from typing import Any

import pytest

from seatguard.clients.model import ClientState
from seatguard.journal.ports import Search
from seatguard.reports.model import ServiceSearch, View
from seatguard.subscriptions.model import SubscriptionState
from seatguard_admin import Identity
from seatguard_admin.blueprint import PAGES
from tests.admin.conftest import Fields, Read, Reader
from tests.admin.sample import Sample, app_on

# POSTs that change nothing but a cookie of the browser, and the one that answers with a file.
NOT_ON_RECORD = {"sign_out", "preferences", "switch_theme"}


def changes(sample: Sample) -> dict[str, tuple[str, dict[str, Any], str]]:
    """For each page that takes a POST: an address, what is filled in, and the entry it must leave."""
    engine, me = sample.engine, sample.actor
    key = next(one for one in reversed(engine.projects.keys(me, sample.project)) if one.mode == "test")
    seat = engine.seats.list_of(me, sample.full).items[0].id
    view = engine.views.save(
        engine.actor("admin", "ada"), page="clients", name="Suspended ones", query="view=suspended"
    ).id
    client, project, service = (
        f"/clients/{sample.client}",
        f"/projects/{sample.project}",
        f"/services/{sample.service}",
    )
    name = engine.clients.get(me, sample.client).name
    return {
        "client_new": ("/clients/new", {"name": "Acme", "external_id": "a-1"}, "client.added"),
        "client_edit": (f"{client}/edit", {"name": "Northwind"}, "client.renamed"),
        "client_state": (f"{client}/state", {"state": "suspended"}, "client.suspended"),
        "client_archive": (f"{client}/archive", {"confirm": name}, "client.archived"),
        "project_new": (
            "/projects/new",
            {"client": sample.client, "name": "Shop", "domains": "a.example\nb.example"},
            "project.added",
        ),
        "project_edit": (f"{project}/edit", {"name": "Front office"}, "project.changed"),
        "domain_new": (f"{project}/domains/new", {"domain": "c.example"}, "project.domain_added"),
        "domain_remove": (
            f"{project}/domains/remove?domain=app0.example.com",
            {},
            "project.domain_removed",
        ),
        "key_new": (f"{project}/keys/new", {"mode": "test"}, "key.added"),
        "key_rotate": (f"{project}/keys/{key.id}/rotate", {"overlap": "0"}, "key.rotated"),
        "key_revoke": (f"{project}/keys/{key.id}/revoke", {"confirm": key.prefix}, "key.revoked"),
        "service_new": (
            "/services/new",
            {
                "project": sample.project,
                "type": "extra",
                "limit": "7",
                "mode": "live",
                "expiry": "2099-12-31",
            },
            "subscription.added",
        ),
        "service_limit": (f"{service}/limit", {"source": "own", "limit": "77"}, "subscription.limit_changed"),
        "service_renew": (f"{service}/renew", {"expiry": "2099-12-31"}, "subscription.renewed"),
        "service_plan": (f"{service}/plan", {"plan": "team"}, "subscription.plan_changed"),
        "service_state": (f"{service}/state", {"state": "suspended"}, "subscription.suspended"),
        "service_archive": (f"{service}/archive", {}, "subscription.canceled"),
        "services_bulk": (
            "/services/bulk",
            {"service": [sample.service], "action": "renew_30", "once": "one-sending-of-a-form"},
            "subscription.renewed",
        ),
        "services_all": (
            "/services/all?view=expired",
            {"action": "renew_30"},
            "subscription.renewed",
        ),
        "view_save": ("/views/save?page=services&query=mode%3Dtest", {"name": "Tests"}, "view.saved"),
        "view_remove": (f"/views/{view}/remove", {}, "view.removed"),
        "seat_new": (f"{service}/seats/new", {"username": "zoe"}, "seat.taken"),
        "seat_release": (f"/services/{sample.full}/seats/{seat}/release", {}, "seat.released"),
        "seat_restore": ("", {}, "seat.taken"),
        "plan_new": ("/plans/new", {"name": "Gold", "slug": "gold", "seats": "9"}, "plan.added"),
        "plan_edit": ("/plans/team/edit", {"name": "The team"}, "plan.renamed"),
        "plan_publish": ("/plans/team/publish", {"seats": "120"}, "plan.published"),
        "plan_state": ("/plans/team/state", {"state": "inactive"}, "plan.deactivated"),
        "activity_export": ("/activity/export", {"range": "all"}, "journal.exported"),
        "sign_in": ("/sign-in", {}, "administrator.signed_in"),
    }


WITHOUT_FORM = {"client_state", "service_state", "services_bulk", "plan_state", "activity_export"}


def test_every_post_is_looked_at_below() -> None:
    """A new change must say here which entry it leaves."""
    from importlib import import_module

    known = {
        page.name
        for module in PAGES
        for page in import_module(f"seatguard_admin.pages.{module}").pages.found
        if "POST" in page.methods
    }
    assert known == {*changes(_sample()), *NOT_ON_RECORD}


def _sample() -> Sample:
    from tests.admin.sample import filled

    return filled()


def test_every_change_is_on_record(reader: Read, signed_in: Any) -> None:
    """With the administrator as actor, the answer's request id, and what was before and is now."""
    sample = _sample()
    engine, me = sample.engine, sample.actor
    wanted = changes(sample)
    order = [name for name in wanted if name not in ("client_archive", "client_state", "service_archive")]
    order += ["service_archive", "client_state", "client_archive"]
    ada = signed_in(sample, "ada")
    (entry,) = engine.journal.search(me, Search(kind="administrator.signed_in"), limit=1).items
    assert entry.data == {"name": "ada"}
    order.remove("sign_in")
    order.remove("seat_restore")
    order.remove("service_state")
    order.insert(0, "service_state")
    for name in order:
        path, fields, kind = wanted[name]
        if name == "plan_publish":
            fields = ada.reviewed(path, fields)
        send = ada.post if name in WITHOUT_FORM else ada.fill
        answer = send(path, **fields)
        assert answer.status_code in (200, 303), (name, answer.status_code, answer.text[-1500:])
        newest = engine.journal.search(me, Search(kind=kind), limit=1).items[0]
        assert newest.actor == "admin:ada", name
        assert newest.request_id == answer.headers["X-Request-Id"], name
        if kind.endswith(("_changed", "renewed", "renamed", "published")) or kind.startswith("view."):
            assert "before" in str(newest.data), name
            assert "after" in str(newest.data), name
        if name == "service_state":
            ada.post(path, state="active")
    assert list(engine.journal.verify(me)) == []
    assert list(engine.verify(me)) == []


def test_undo_takes_a_change_back(sample: Sample, reader: Read) -> None:
    """After archiving, suspending, releasing and removing, the note offers the way back; it works."""
    engine, me, ada = sample.engine, sample.actor, reader(sample)
    seat = engine.seats.list_of(me, sample.service).items[0]
    engine.subscriptions.change_limit(me, sample.service, limit=9)
    archived = f"/clients/{sample.client}"
    name = engine.clients.get(me, sample.client).name
    for path, fields in (
        (f"/services/{sample.service}/archive", {}),
        (f"/services/{sample.service}/seats/{seat.id}/release", {}),
        (f"/projects/{sample.project}/domains/remove?domain=app0.example.com", {}),
        (f"{archived}/archive", {"confirm": name}),
    ):
        answer = ada.fill(path, **fields)
        assert answer.status_code == 303, path
        page = ada.client.get(answer.location).text
        form = re.search(r'data-sg-said>.*?<form[^>]*action="([^"]+)">(.*?)</form>', page, re.DOTALL)
        assert form is not None, path
        back = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', unescape(form[2])))
        assert ada.client.post(unescape(form[1]), data=back).status_code == 303, path
    assert engine.subscriptions.get(me, sample.service).state is SubscriptionState.ACTIVE
    assert engine.clients.get(me, sample.client).state is ClientState.ACTIVE
    assert seat.holder in [one.holder for one in engine.seats.list_of(me, sample.service).items]
    assert "app0.example.com" in [one.name for one in engine.projects.domains(me, sample.project)]


def test_a_note_is_shown_once_to_its_reader(sample: Sample, reader: Read) -> None:
    """The note cookie is signed; a forged one says nothing."""
    ada = reader(sample)
    answer = ada.fill("/clients/new", name="Acme")
    assert "Created the client Acme." in ada.client.get(answer.location).text
    ada.client.set_cookie("sg_note", "forged", path="/seatguard")
    assert "data-sg-said" not in ada.text("/")


def test_a_form_sent_twice_makes_one_thing(sample: Sample, reader: Read) -> None:
    """The second sending leads to what the first has made."""
    ada = reader(sample)
    fields = ada.hidden("/clients/new") | {"name": "Twice", "external_id": ""}
    answers = [ada.client.post("/seatguard/clients/new", data=fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    found = sample.engine.reports.clients(sample.actor, q="Twice").items
    assert len(found) == 1
    other = ada.client.post("/seatguard/clients/new", data=fields | {"name": "Other"})
    assert other.status_code == 409
    assert "sent before with other values" in other.text


def test_a_key_is_shown_by_the_answer_that_made_it_and_never_again(sample: Sample, reader: Read) -> None:
    """Not in an address, a cookie, a cache, the journal, or the answer to the same form sent again."""
    ada, engine, me = reader(sample), sample.engine, sample.actor
    project = engine.reports.projects(me, q="Back").items[7].project.id
    path = f"/projects/{project}/keys/new"
    fields = ada.hidden(path) | {"mode": "live"}
    answer = ada.client.post(f"/seatguard{path}", data=fields)
    secret = re.search(r"sg_live_[0-9A-Za-z]{38}", answer.text)
    assert secret is not None
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer.headers or secret[0] not in answer.headers["Set-Cookie"]
    assert engine.projects.identify_key(secret[0]).project == project
    again = ada.client.post(f"/seatguard{path}", data=fields)
    assert again.status_code == 409
    assert "Already created. Rotate to get a new key." in again.text
    for text in (again.text, ada.text(f"/projects/{project}?tab=keys"), ada.text("/activity?range=all")):
        assert secret[0] not in text
        assert secret[0][12:] not in text
    assert secret[0] not in repr(list(engine.journal.search(me, limit=200).items))


def test_a_rotated_key_goes_on_for_its_while(sample: Sample, reader: Read) -> None:
    """Both keys are listed, the old one with the time at which it stops."""
    ada, engine, me = reader(sample), sample.engine, sample.actor
    project = engine.reports.projects(me, q="Back").items[6].project.id
    (old,) = engine.projects.keys(me, project)
    shown = ada.fill(f"/projects/{project}/keys/{old.id}/rotate", overlap="24")
    assert "Copy the new API key now" in shown.text
    page = ada.text(f"/projects/{project}?tab=keys")
    assert "stops in 24 h" in page
    assert "Stop now" in page
    wrong = ada.fill(f"/projects/{project}/keys/{old.id}/revoke", confirm="sg_live")
    assert wrong.status_code == 422
    assert len(engine.projects.keys(me, project)) == 2
    ada.fill(f"/projects/{project}/keys/{old.id}/revoke", confirm=old.prefix)
    assert "Revoked" in ada.text(f"/projects/{project}?tab=keys")


def test_a_version_is_looked_at_before_it_is_published(sample: Sample, reader: Read) -> None:
    """What changes and for whom, then one button; what was typed comes back for editing; what was not
    touched stays as it was, to the letter."""
    engine, me, ada = sample.engine, sample.actor, reader(sample)
    before = engine.catalog.current(me, "team")
    path = "/plans/team/publish"
    typed = ada.filled(path) | {
        "seats": "80",
        "quotas-service": ["speech", "speech", ""],
        "quotas-name": ["minutes", "maxConcurrentSessions", ""],
        "quotas-amount": ["unlimited", "5", ""],
        "prices-currency": ["eur", "JPY", "KWD"],
        "prices-amount": ["49,90", "7800", "1.005"],
        "prices-per_seat": ["5.50", "", ""],
    }
    seen = ada.client.post(f"/seatguard{path}", data=typed)
    assert seen.status_code == 200
    text = unescape(seen.text)
    assert "Changes 6 services now" in text
    for was, becomes in (
        ("100", "80"),
        ("2,000", "Unlimited"),
        ("49.00 EUR + 5.50 EUR a seat", "49.90 EUR + 5.50 EUR a seat"),
        ("none", "1.005 KWD"),
    ):
        assert f"<del>{was}</del></td><td><ins>{becomes}</ins>" in text
    assert "storage.gigabytes" in text
    assert "requestsPerMinute</bdi>" not in text
    assert engine.catalog.current(me, "team") == before
    found = Fields()
    found.feed(seen.text)
    assert "Publish version 4" in text
    back = ada.client.post(f"/seatguard{path}", data=found.values | {"step": "edit"})
    assert 'value="49,90"' in back.text
    done = ada.client.post(f"/seatguard{path}", data=found.values | {"step": "publish"})
    assert done.status_code == 303
    after = engine.catalog.current(me, "team")
    assert (after.number, after.seats) == (4, 80)
    assert after.offer.quotas == {"speech": {"minutes": "unlimited", "maxConcurrentSessions": 5}}
    assert [(one.currency, one.amount, one.per_seat) for one in after.offer.prices] == [
        ("EUR", 4990, 550),
        ("JPY", 7800, 0),
        ("KWD", 1005, 0),
    ]
    for name in (
        "features",
        "rate_limits",
        "permissions",
        "capabilities",
        "interval",
        "trial_days",
        "max_seats",
    ):
        assert getattr(after.offer, name) == getattr(before.offer, name), name
    twice = ada.client.post(f"/seatguard{path}", data=found.values | {"step": "publish"})
    assert twice.location == done.location
    assert engine.catalog.current(me, "team") == after
    same = ada.client.post(f"/seatguard{path}", data=ada.filled(path))
    assert same.status_code == 422
    assert "Nothing here differs from version 4." in same.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"quotas-amount": ["many", "5", "1"]}, "speech.maxConcurrentSessions: must be a whole number or"),
        ({"prices-currency": ["XXX", "JPY"]}, "'XXX' is no ISO 4217 code"),
        ({"prices-amount": ["1.234", "7800"]}, "must be an amount with at most 2 decimals, not '1.234'"),
        ({"prices-amount": ["-1", "7800"]}, "must be an amount with at most 2 decimals, not '-1'"),
        ({"prices-amount": ["NaN", "7800"]}, "must be an amount with at most 2 decimals, not 'NaN'"),
        ({"features-name": ["sso", "retention_days", "sso"]}, "sso: stands there twice"),
        ({"seats": "900"}, "Must be at most max_seats, 500, not 900"),
        ({"seats": "x"}, "Must be a whole number"),
        ({"permissions": "Not A Scope"}, "is no scope"),
        ({"trial_days": "99999"}, "3650"),
    ],
)
def test_what_is_wrong_in_an_offer_is_told_where_it_stands(
    sample: Sample, reader: Read, fields: dict[str, Any], said: str
) -> None:
    """With everything typed kept, and nothing published."""
    ada = reader(sample)
    path = "/plans/team/publish"
    answer = ada.client.post(f"/seatguard{path}", data=ada.filled(path) | fields)
    assert answer.status_code == 422
    text = unescape(answer.text)
    assert said in text
    assert 'role="alert"' in text
    for value in fields.values():
        assert all(
            f'value="{one}"' in text or f">{one}</textarea>" in text
            for one in ([value] if isinstance(value, str) else value)
        )
    assert sample.engine.catalog.current(sample.actor, "team").number == 3


def test_two_that_publish_at_once_do_not_undo_each_other(sample: Sample, reader: Read) -> None:
    """The second is shown both, and publishes nothing until it says so."""
    engine, me, ada = sample.engine, sample.actor, reader(sample)
    path = "/plans/team/publish"
    fields = ada.reviewed(path, {"seats": "70"})
    engine.publish_plan(me, "team", seats=90)
    refused = ada.client.post(f"/seatguard{path}", data=fields)
    assert refused.status_code == 409
    assert "<ins>70</ins></td><td>90</td>" in refused.text
    assert engine.catalog.current(me, "team").seats == 90


@pytest.mark.parametrize("what", ["limit", "renew", "client", "project", "plan"])
def test_an_edit_of_an_old_version_shows_mine_and_theirs(sample: Sample, reader: Read, what: str) -> None:
    """409 with both values and nothing changed; sent again from there it goes through."""
    ada, engine, me = reader(sample), sample.engine, sample.actor
    path, fields, theirs, told = {
        "limit": (
            f"/services/{sample.service}/limit",
            {"source": "own", "limit": "33"},
            lambda: engine.subscriptions.change_limit(me, sample.service, limit=44),
            "44",
        ),
        "renew": (
            f"/services/{sample.service}/renew",
            {"expiry": "2098-01-01"},
            lambda: engine.subscriptions.renew(me, sample.service, expiry="2097-01-01"),
            "2097-01-01",
        ),
        "client": (
            f"/clients/{sample.client}/edit",
            {"name": "Mine"},
            lambda: engine.clients.rename(me, sample.client, name="Theirs"),
            "Theirs",
        ),
        "project": (
            f"/projects/{sample.project}/edit",
            {"name": "Mine"},
            lambda: engine.projects.change(me, sample.project, name="Theirs"),
            "Theirs",
        ),
        "plan": (
            "/plans/team/edit",
            {"name": "Mine"},
            lambda: engine.catalog.rename(me, "team", name="Theirs"),
            "Theirs",
        ),
    }[what]
    hidden = ada.hidden(path)
    theirs()
    refused = ada.client.post(f"/seatguard{path}", data=hidden | fields)
    assert refused.status_code == 409
    assert "Somebody else changed this" in refused.text
    assert f"<td>{told}</td>" in refused.text
    assert f"<ins>{list(fields.values())[-1]}</ins>" in refused.text
    version = re.search(r'name="version" value="(\d+)"', refused.text)
    assert version is not None
    accepted = ada.client.post(f"/seatguard{path}", data=hidden | fields | {"version": version[1]})
    assert accepted.status_code == 303


def test_a_limit_below_use_is_asked_about(sample: Sample, reader: Read) -> None:
    """First refused with both numbers and a box; ticked, the users stay and the service is over."""
    ada, engine, me = reader(sample), sample.engine, sample.actor
    path = f"/services/{sample.full}/limit"
    refused = ada.fill(path, source="own", limit="3")
    assert refused.status_code == 409
    assert "10 taken, 3 allowed" in refused.text
    assert "Keep 10 users, refuse new ones" in refused.text
    assert engine.subscriptions.get(me, sample.full).limit == 10
    kept = ada.fill(path, source="own", limit="3", keep="on")
    assert kept.status_code == 303
    assert engine.subscriptions.get(me, sample.full).limit == 3
    assert "10 of 3 seats · 7 over" in ada.text(f"/services/{sample.full}")


def test_many_at_once_are_told_one_by_one(sample: Sample, reader: Read) -> None:
    """What could be done is done; what could not is named with the reason."""
    ada, engine, me = reader(sample), sample.engine, sample.actor
    canceled = engine.subscriptions.add(me, sample.project, limit=1, type="over").id
    engine.subscriptions.cancel(me, canceled)
    chosen = [sample.service, sample.full, canceled, "no-such-id"]
    answer = ada.post("/services/bulk", service=chosen, action="suspend", once="first-sending-of-it")
    assert answer.status_code == 200
    assert "2 done, 2 skipped" in answer.text
    assert (
        '<bdi>web, Northwind Logistics</bdi></th><td><span class="sg-chip sg-is-active">done' in answer.text
    )
    assert "that state cannot follow the present one" in answer.text
    for identifier in chosen[:2]:
        assert engine.subscriptions.get(me, identifier).state is SubscriptionState.SUSPENDED
    assert ada.post("/services/bulk", action="suspend").status_code == 400
    refused = ada.post("/services/bulk", service=chosen, action="explode", once="second-sending-of-it")
    assert refused.status_code == 400


def test_one_that_cannot_take_it_keeps_no_other_from_it(sample: Sample, reader: Read) -> None:
    """A service whose last day is the last there is cannot be renewed; the others are."""
    engine, me, ada = sample.engine, sample.actor, reader(sample)
    last = dt.date(9990, 12, 31)
    stuck = engine.subscriptions.add(me, sample.project, limit=1, type="for-ever", expiry=last)
    day = engine.subscriptions.get(me, sample.service).expires_on
    assert day is not None
    answer = ada.post(
        "/services/bulk",
        service=[stuck.id, sample.service],
        action="renew_30",
        once="sent-for-the-first-time",
    )
    assert "1 done, 1 skipped" in answer.text
    assert engine.subscriptions.get(me, sample.service).expires_on == day + dt.timedelta(days=30)
    assert engine.subscriptions.get(me, stuck.id).expires_on == last


def test_what_is_sent_twice_is_done_once(sample: Sample, reader: Read) -> None:
    """A page that is read again after many services were renewed renews none of them again."""
    engine, me, ada = sample.engine, sample.actor, reader(sample)
    day = engine.subscriptions.get(me, sample.service).expires_on
    assert day is not None
    fields = {"service": [sample.service], "action": "renew_30", "once": "sent-and-then-reloaded"}
    assert ada.post("/services/bulk", **fields).status_code == 200
    again = ada.post("/services/bulk", **fields)
    assert again.status_code == 409
    assert "Already done: it was sent twice." in again.text
    other = ada.post("/services/bulk", **(fields | {"action": "renew_365"}))
    assert other.status_code == 409
    assert engine.subscriptions.get(me, sample.service).expires_on == day + dt.timedelta(days=30)


def test_ticked_services_are_exported_alone(sample: Sample, reader: Read) -> None:
    """In a file like that of the list; nothing is changed, and the list can be sent after it."""
    ada, chosen = reader(sample), [sample.full, sample.service]
    before = sample.engine.journal.search(sample.actor, limit=1).items[0].id
    answer = ada.post("/services/bulk", service=[*chosen, "no-such-id"], action="export")
    head, *rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    whole = list(csv.reader(io.StringIO(ada.text("/services.csv").removeprefix("\ufeff"))))
    assert head == whole[0]
    assert len(rows) == 2
    assert all(row in whole for row in rows)
    assert sample.engine.journal.search(sample.actor, limit=1).items[0].id == before


def test_the_result_leads_back_to_the_list_as_it_was(sample: Sample, reader: Read) -> None:
    """With its filters; and what is done to all that match names the filters before."""
    ada = reader(sample)
    assert 'action="/seatguard/services/bulk?view=high&amp;mode=live"' in ada.text(
        "/services?view=high&mode=live"
    )
    done = ada.post(
        "/services/bulk?view=high&mode=live",
        service=sample.service,
        action="suspend",
        once="with-two-filters",
    )
    assert 'href="/seatguard/services?view=high&amp;mode=live"' in done.text
    team = sample.engine.catalog.get(sample.actor, "team").id
    asked = ada.text(f"/services/all?view=active&plan={team}")
    assert "<bdi>Active, Team 100</bdi>" in asked


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("/clients/new", {"name": ""}, "Must not be empty"),
        ("/clients/new", {"name": "x", "external_id": "crm-1"}, "already a client with external id"),
        ("/services/new", {"type": "web", "limit": "1.5", "mode": "live"}, "Must be a whole number"),
        ("/services/new", {"type": "web", "mode": "live"}, "Give a plan, a limit, or unlimited"),
        (
            "/services/new",
            {"type": "web", "limit": "5", "mode": "live", "expiry": "soon"},
            "not a calendar day",
        ),
        ("/plans/new", {"name": "x", "slug": "Team 1", "seats": "1"}, "is not a slug"),
        ("/plans/new", {"name": "x", "slug": "team", "seats": "1"}, "already a plan with slug"),
        ("/plans/new", {"name": "x", "slug": "x"}, "Give a number of seats, or tick unlimited"),
        ("/projects/new", {"name": "x", "domains": "https://"}, "domain"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(
    sample: Sample, reader: Read, path: str, fields: dict[str, str], said: str
) -> None:
    """With a summary that links to it, and everything typed kept; nothing was made."""
    ada = reader(sample)
    if path == "/services/new":
        fields = fields | {"project": sample.project}
    if path == "/projects/new":
        fields = fields | {"client": sample.client}
    before = sample.engine.journal.search(sample.actor, limit=1).items[0].id
    answer = ada.fill(path, **fields)
    assert answer.status_code in (409, 422)
    text = unescape(answer.text)
    assert said in text
    assert 'role="alert"' in text
    for name, value in fields.items():
        if value and name not in ("project", "client", "mode"):
            assert value in text, name
    assert sample.engine.journal.search(sample.actor, limit=1).items[0].id == before


def test_all_that_match_are_counted_when_it_is_done(sample: Sample, reader: Read) -> None:
    """More than 50 want their number typed; a number that has changed meanwhile is told, and nothing done."""
    engine, me, ada = sample.engine, sample.actor, reader(sample)
    path = "/services/all?q=quanta"
    assert "Change all 2 services" in ada.text(path)
    fields = ada.filled(path) | {"action": "plan_team"}
    quanta = engine.reports.services(me, ServiceSearch(q="quanta")).items[0].subscription
    engine.subscriptions.add(me, quanta.project, limit=3, type="newest")
    refused = ada.client.post(f"/seatguard{path}", data=fields)
    assert refused.status_code == 409
    assert "The filters find 3 services now." in refused.text
    done = ada.client.post(f"/seatguard{path}", data=ada.filled(path) | {"action": "plan_team"})
    assert "3 done, 0 skipped" in done.text
    plans = {row.plan_slug for row in engine.reports.services(me, ServiceSearch(q="quanta")).items}
    assert plans == {"team"}
    for number in range(30):
        engine.subscriptions.add(me, quanta.project, limit=1, type=f"many-{number}")
    path = "/services/all?view=active"
    total = engine.reports.count_services(me, ServiceSearch(view=View.ACTIVE)).number
    fields = ada.filled(path) | {"action": "suspend"}
    assert ada.client.post(f"/seatguard{path}", data=fields).status_code == 422
    done = ada.client.post(f"/seatguard{path}", data=ada.filled(path) | fields | {"confirm": str(total)})
    assert f"{total} done, 0 skipped" in done.text
    assert engine.reports.count_services(me, ServiceSearch(view=View.ACTIVE)).number == 0


def test_saved_views_are_tabs_of_their_owner(sample: Sample, reader: Read) -> None:
    """With the number of rows behind them; found again by what they say, in any order; nobody else's."""
    ada, engine = reader(sample), sample.engine
    page = ada.text("/services?mode=live&view=high")
    save = re.search(r'href="/seatguard(/views/save[^"]+)"', page)
    assert save is not None
    answer = ada.fill(unescape(save[1]), name="Hot & live")
    assert answer.status_code == 303
    assert answer.location == "/seatguard/services?view=high&mode=live"
    page = ada.text("/services?mode=live&view=high")
    tab = re.search(r'aria-current="page"><bdi>Hot &amp; live</bdi><span class="sg-pill">(\d+)<', page)
    assert tab is not None
    assert int(tab[1]) == page.count('name="service" value=') > 0
    assert "Remove view" in page
    assert "Save view" not in page
    again = ada.fill(unescape(save[1]), name="Hot & live")
    assert again.status_code == 409
    assert "You have a view named" in unescape(again.text)
    other = Reader(app_on(sample, authorizer=lambda _: Identity(name="otto", role="owner")).test_client())
    assert "Hot &amp; live" not in other.text("/services")
    (view,) = engine.views.list(engine.actor("admin", "ada"), "services")
    assert other.get(f"/views/{view.id}/remove").status_code == 404
    assert ada.fill(f"/views/{view.id}/remove").status_code == 303
    assert "<bdi>Hot &amp; live" not in ada.text("/services")
    assert ada.get("/views/save?page=plans&query=x").status_code == 404
    assert ada.fill("/views/save?page=services&query=evil%3D1", name="x").status_code == 422


def test_archiving_with_services_wants_the_name_typed(sample: Sample, reader: Read) -> None:
    """And lists what stops."""
    ada = reader(sample)
    path = f"/clients/{sample.client}/archive"
    assert "Back office" in ada.text(path)
    assert ada.fill(path, confirm="northwind").status_code == 422
    assert sample.engine.clients.get(sample.actor, sample.client).state is ClientState.ACTIVE


def test_dialogs_are_told_where_to_go(sample: Sample, reader: Read) -> None:
    """The module follows the address itself: a redirect would be followed unseen."""
    ada = reader(sample)
    fields = ada.hidden("/clients/new") | {"name": "Acme"}
    answer = ada.client.post("/seatguard/clients/new", data=fields, headers={"X-SG-Partial": "dialog"})
    assert answer.status_code == 204
    assert answer.headers["X-SG-Location"].startswith("/seatguard/clients/")
    form = ada.get("/clients/new", headers={"X-SG-Partial": "dialog"})
    assert "<html" not in form.text
    assert "data-sg-dialog-form" in form.text


def test_first_run_leads_to_a_validated_call(bare: Sample, reader: Read) -> None:
    """Client, project, service, key, and the API says yes; each step ticks itself."""
    ada = reader(bare)
    assert ada.text("/").count("sg-is-done") == 0
    client = ada.client.post("/seatguard/clients/new", data=ada.hidden("/clients/new") | {"name": "Acme"})
    identifier = client.location.rpartition("/")[2]
    assert ada.text("/").count("sg-is-done") == 1
    answer = ada.fill("/projects/new", client=identifier, name="Shop", domains="shop.acme.example")
    project = answer.location.rpartition("/")[2]
    assert ada.text("/").count("sg-is-done") == 2
    ada.fill("/services/new", project=project, type="web", limit="2", mode="live")
    shown = ada.fill(f"/projects/{project}/keys/new", mode="live")
    secret = re.search(r"sg_live_[0-9A-Za-z]{38}", shown.text)
    assert secret is not None
    asked = {"api_key": secret[0], "domain": "shop.acme.example"}
    answer = ada.client.post("/api/v1/validate-subscription", json=asked)
    assert answer.get_json()["allowed"] is True
    assert "First steps" not in ada.text("/")
