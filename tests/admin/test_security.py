"""What the pages withstand: forged forms, foreign sites, frames, scripts, formulas, guesses."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Callable
from importlib import import_module
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest

from seatguard.administrators import rules
from seatguard.catalog.model import PlanChange
from seatguard_admin.blueprint import PAGES
from seatguard_admin.exports import inert
from seatguard_admin.pages import account
from seatguard_flask.attempts import FailedAttempts
from tests.admin.conftest import HOME, Read, Reader
from tests.admin.places import places
from tests.admin.sample import PASSWORD, Sample, app_on

IMG = "<img src=x onerror=alert(1)>"

SignedIn = Callable[[Sample, str], Reader]


def posts() -> list[str]:
    """Paths of every change, with something in the place of each variable."""
    return [
        re.sub(r"<[^>]+>", "x", page.rule)
        for module in PAGES
        for page in import_module(f"seatguard_admin.pages.{module}").pages.found
        if "POST" in page.methods
    ]


@pytest.fixture(autouse=True)
def _no_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests tried from this address is forgotten."""
    monkeypatch.setattr(account, "_failures", FailedAttempts(20))


def test_nobody_gets_anything_without_signing_in(sample: Sample) -> None:
    """Every page leads to the sign-in, every change too, and nothing is changed or told."""
    client = app_on(sample).test_client()
    before = sample.engine.journal.search(sample.actor, limit=1).items[0].id
    for path in places(sample):
        answer = client.get(HOME + path)
        assert answer.status_code == 303, path
        assert answer.location.startswith("/seatguard/sign-in")
    for path in posts():
        if path not in ("/sign-in", "/sign-out"):
            assert client.post(HOME + path).status_code == 303, path
    assert sample.engine.journal.search(sample.actor, limit=1).items[0].id == before


def test_no_change_without_its_token(sample: Sample, reader: Read) -> None:
    """Missing, wrong, or of another session: refused before anything is looked at."""
    ada = reader(sample)
    before = sample.engine.journal.search(sample.actor, limit=1).items[0].id
    other = reader(sample).hidden("/preferences")["csrf_token"]
    for path in posts():
        if path == "/sign-in":
            continue
        for fields in ({}, {"csrf_token": "x"}, {"csrf_token": other}):
            assert ada.client.post(HOME + path, data=fields).status_code == 400, path
    assert sample.engine.journal.search(sample.actor, limit=1).items[0].id == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
    ],
)
def test_a_change_from_another_site_is_refused(sample: Sample, reader: Read, headers: dict[str, str]) -> None:
    """Even with a token that fits."""
    ada = reader(sample)
    fields = ada.hidden("/clients/new") | {"name": "Acme"}
    assert ada.client.post(f"{HOME}/clients/new", data=fields, headers=headers).status_code == 400
    right = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert ada.client.post(f"{HOME}/clients/new", data=fields, headers=right).status_code == 303


def test_a_host_wide_protection_gets_along_with_ours(sample: Sample) -> None:
    """A host's own `CSRFProtect` looks at the same token."""
    from flask_wtf import CSRFProtect

    from tests.admin.sample import anybody

    app = app_on(sample, authorizer=anybody())
    CSRFProtect(app)
    ada = Reader(app.test_client())
    assert ada.fill("/clients/new", name="Acme").status_code == 303


def test_scripts_in_names_stay_text(bare: Sample, reader: Read) -> None:
    """An image with an `onerror` in every field that takes text shows as text on every page."""
    engine, me, ada = bare.engine, bare.actor, reader(bare)
    client = engine.clients.add(me, name=IMG, external_id=f"{IMG}2")
    project = engine.projects.add(me, client.id, name=IMG, domains=("a.example",))
    offer = {"features": {"note": IMG}, "capabilities": [IMG], "prices": [{"currency": "EUR", "amount": 1}]}
    engine.catalog.add(me, slug="p", name=IMG, seats=1, description=IMG, offer=offer)
    engine.update_plan(
        me, engine.catalog.get(me, "p").id, PlanChange(offer={"features": {"note": f"{IMG}2"}})
    )
    engine.features.define(me, "note", kind="static", definition={"title": IMG})
    service = engine.subscriptions.add(me, project.id, plan="p", type=IMG)
    where = engine.where(project.id)
    engine.seats.take(me, where, "<img/src=x/onerror=alert(1)>", email="<img/onerror=1>@a.example").require()
    engine.projects.add_key(me, project.id)
    bare.client, bare.project, bare.service = client.id, project.id, service.id
    evil = engine.actor("admin", IMG).during(f"{IMG}3")
    engine.clients.rename(evil, client.id, name=f"{IMG}4")
    pages = [path.replace("team", "p") for path in places(bare) if "domains/remove" not in path]
    shown = 0
    for path in [*pages, f"/search?q={IMG}", f"/activity?q={IMG}", f"/services?q={IMG}", f"/clients?q={IMG}"]:
        text = ada.text(path)
        assert "<img" not in text, path
        shown += "&lt;img" in text
    assert shown > 20
    for path, fields in (
        ("/clients/new", {"name": f"{IMG}\x00"}),
        ("/plans/new", {"name": IMG, "slug": IMG, "seats": IMG}),
        ("/plans/p/edit", {"name": IMG, "description": IMG, "display_order": IMG}),
        ("/plans/p/publish", {"seats": "4", "step": "review", "capabilities": IMG}),
        ("/plans/p/publish", dict.fromkeys(("quotas-service", "quotas-name", "quotas-amount"), IMG)),
        (f"/projects/{project.id}/domains/new", {"domain": IMG}),
        (f"/services/{service.id}/renew", {"expiry": IMG}),
        (f"/services/{service.id}/limit", {"source": "own", "limit": IMG}),
        (f"/services/{service.id}/seats/new", {"username": f"{IMG} ", "email": IMG}),
        ("/preferences", {"zone": IMG}),
    ):
        answer = ada.fill(path, **fields)
        assert "<img" not in answer.text, path


@pytest.mark.parametrize("role", ["viewer", "support", "operator"])
def test_the_server_refuses_what_a_role_may_not_do(sample: Sample, reader: Read, role: str) -> None:
    """403 with the permission's name, for every page that the role lacks, shown or sent."""
    somebody = reader(sample, role=role)
    token = somebody.hidden("/preferences")["csrf_token"]
    allowed = rules.ALLOWED[role]  # type: ignore[index]
    for module in PAGES:
        for page in import_module(f"seatguard_admin.pages.{module}").pages.found:
            if page.needs is None or page.needs in allowed:
                continue
            path = HOME + re.sub(r"<[^>]+>", "x", page.rule)
            for method in page.methods:
                answer = somebody.client.open(path, method=method, data={"csrf_token": token})
                assert answer.status_code == 403, (path, method)
                assert page.needs in answer.text


def test_exports_hold_no_formula(bare: Sample, reader: Read) -> None:
    """Cells that begin like one are quoted as text, also in full width; numbers stay numbers."""
    engine, me, ada = bare.engine, bare.actor, reader(bare)
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "plain", 'quo"te, comma'):
        client = engine.clients.add(me, name=name)
    project = engine.projects.add(me, client.id, name="=cmd")
    engine.subscriptions.add(me, project.id, limit=3, type="=HYPERLINK(1)")
    for path in ("/clients.csv", "/services.csv", "/reports/expiring?format=csv"):
        answer = ada.get(path)
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["Content-Disposition"]
        for row in csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))):
            for cell in row:
                assert cell[:1] not in tuple("=+-@\t\r\uff1d"), (path, cell)
    assert inert("\t=1") == "'\t=1"
    exported = ada.post("/activity/export", range="all")
    cells = [cell for row in csv.reader(io.StringIO(exported.text.lstrip("\ufeff"))) for cell in row]
    assert not any(cell[:1] in tuple("=+-@") for cell in cells)
    assert any("'=1+1" in cell or "=1+1" in cell for cell in cells)


def test_exports_follow_the_filter(sample: Sample, reader: Read) -> None:
    """Exactly the rows of the list, all pages of it."""
    ada = reader(sample)
    for query, count in (("", 29), ("?view=high", 6), ("?q=quanta", 2)):
        rows = list(csv.DictReader(io.StringIO(ada.get(f"/services.csv{query}").text.lstrip("\ufeff"))))
        assert len(rows) == count, query


def cells_of(workbook: bytes) -> list[list[str]]:
    """The values of a workbook's one sheet, as they are written there."""
    name = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with ZipFile(io.BytesIO(workbook)) as parts:
        assert [one for one in parts.namelist() if "worksheets/" in one] == ["xl/worksheets/sheet1.xml"]
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    assert not list(sheet.iter(f"{name}f")), "a formula"
    assert not list(sheet.iter(f"{name}hyperlink"))
    return [["".join(cell.itertext()) for cell in row] for row in sheet.iter(f"{name}row")]


def test_workbooks_hold_no_formula(bare: Sample, reader: Read) -> None:
    """Text is text, whatever it begins with, and an address is no link; a day is a number."""
    engine, me, ada = bare.engine, bare.actor, reader(bare)
    client = engine.clients.add(me, name="=1+1")
    project = engine.projects.add(me, client.id, name="@SUM(A1)")
    last_day = bare.clock().date() + dt.timedelta(days=3)
    engine.subscriptions.add(me, project.id, limit=3, type="https://evil.example", expiry=last_day)
    for path in (
        "/clients.xlsx",
        *(f"/reports/{name}?format=xlsx" for name in ("expiring", "utilization", "seats", "denials")),
    ):
        answer = ada.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["Content-Disposition"].endswith('.xlsx"')
        assert cells_of(answer.data), path
    titles, row = cells_of(ada.get("/services.xlsx").data)
    shown = dict(zip(titles, [*row[:6], "", *row[6:]], strict=True))  # an empty cell is not written
    assert (shown["client"], shown["project"], shown["type"]) == ("=1+1", "@SUM(A1)", "https://evil.example")
    assert (shown["limit"], shown["expiry"]) == ("3", str((last_day - dt.date(1899, 12, 30)).days))
    journal = ada.post("/activity/export", range="all", format="xlsx")
    assert "client.added" in [row[2] for row in cells_of(journal.data)]


def test_an_export_of_an_unknown_kind_is_refused(sample: Sample, reader: Read) -> None:
    """Said before anything is read."""
    answer = reader(sample).get("/reports/seats?format=pdf")
    assert answer.status_code == 400
    assert "must be csv or xlsx" in answer.text


def test_an_export_is_read_while_it_is_sent(bare: Sample, reader: Read) -> None:
    """All of it, in pieces, and no more entries are in memory than one page of the journal has."""
    engine, me = bare.engine, bare.actor
    client = engine.clients.add(me, name="Client")
    for number in range(450):
        engine.clients.rename(me, client.id, name=f"Client {number}")
    ada = reader(bare)
    answer = ada.post("/activity/export", range="all")
    assert answer.is_streamed
    pieces = list(answer.iter_encoded())
    assert len(pieces) > 3
    rows = list(csv.DictReader(io.StringIO(b"".join(pieces).decode().lstrip("\ufeff"))))
    assert sum(row["kind"] == "client.renamed" for row in rows) == 450


def test_sign_in_leads_back_to_our_own_pages_only(sample: Sample) -> None:
    """An address from outside leads to the dashboard."""
    for target, leads in (
        ("/seatguard/services?view=high", "/seatguard/services?view=high"),
        ("https://evil.example/", "/seatguard/"),
        ("//evil.example", "/seatguard/"),
        ("/\\evil.example", "/seatguard/"),
        ("/\t/evil.example", "/seatguard/"),
    ):
        ada = Reader(app_on(sample).test_client())
        fields = ada.hidden("/sign-in") | {"name": "ada", "password": PASSWORD}
        answer = ada.client.post(f"{HOME}/sign-in", query_string={"next": target}, data=fields)
        assert answer.status_code == 303
        assert answer.location == leads


def test_a_wrong_password_is_told_as_an_unknown_name_is(sample: Sample) -> None:
    """The same answer, so that names cannot be found out."""
    texts = []
    for name in ("ada", "nobody"):
        guest = Reader(app_on(sample).test_client())
        answer = guest.fill("/sign-in", name=name, password="wrong")
        assert answer.status_code == 401
        plain = re.sub(r'value="[^"]*"|[0-9a-f]{32}', "", answer.text)
        texts.append(plain)
    assert texts[0] == texts[1]
    assert "wrong" not in re.sub("wrong passwords", "", texts[0])


def test_guessing_from_one_address_is_slowed_down(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """After twenty failures in a minute the form answers 429 and looks at no password."""
    monkeypatch.setattr(account, "_failures", FailedAttempts(2))
    guest = Reader(app_on(sample).test_client())
    statuses = [guest.fill("/sign-in", name="x", password="y").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    blocked = guest.fill("/sign-in", name="ada", password=PASSWORD)
    assert blocked.status_code == 429
    assert blocked.headers["Retry-After"]


def test_a_session_is_new_and_ends(sample: Sample, signed_in: SignedIn) -> None:
    """Signing in clears what was in the cookie; signing out, a new password and switching off end it."""
    app = app_on(sample)
    client = app.test_client()
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    ada = Reader(client)
    ada.fill("/sign-in", name="ada", password=PASSWORD)
    with client.session_transaction() as session:
        assert "planted" not in session
    assert ada.get("/").status_code == 200
    ada.post("/sign-out")
    assert ada.get("/").status_code == 303
    otto = signed_in(sample, "otto")
    sample.engine.administrators.set_password(sample.actor, "otto", password="another long password")
    assert otto.get("/").status_code == 303
    sue = signed_in(sample, "sue")
    sample.engine.administrators.deactivate(sample.actor, "sue")
    assert sue.get("/").status_code == 303
    vic = signed_in(sample, "vic")
    sample.engine.administrators.set_role(sample.actor, "vic", role="owner")
    assert vic.get("/clients/new").status_code == 200


def test_our_cookies_are_out_of_reach_of_scripts(sample: Sample, reader: Read) -> None:
    """Preferences and notes: HttpOnly, SameSite, and sent to our pages only."""
    ada = reader(sample)
    for answer in (ada.fill("/preferences", theme="dark", zone="UTC"), ada.fill("/clients/new", name="A")):
        for cookie in answer.headers.getlist("Set-Cookie"):
            if cookie.startswith("sg_"):
                assert "HttpOnly" in cookie
                assert "SameSite=Lax" in cookie
                assert "Path=/seatguard" in cookie


def test_a_viewer_reads_no_name_anywhere(sample: Sample, reader: Read) -> None:
    """Not in the log, not on an entry's page, not in the list of seats."""
    vic = reader(sample, role="viewer")
    for path in (
        "/activity?range=all",
        f"/services/{sample.service}?tab=seats",
        f"/services/{sample.service}?tab=activity",
    ):
        text = vic.text(path)
        assert "user00" not in text, path
        assert "example.com" not in re.sub(r"app\d+\.example\.com", "", text), path
