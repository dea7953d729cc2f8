"""Every page: there, complete, protected, and the documented texts on it."""

from __future__ import annotations

import datetime as dt
import gzip
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from seatguard.errors import StorageUnavailable
from seatguard.journal.ports import Search
from seatguard.reports.model import ServiceSearch, View
from seatguard_admin import FlaskLogin, Identity
from seatguard_admin.protection import POLICY
from tests.admin.conftest import Read, Reader
from tests.admin.places import places
from tests.admin.sample import Sample

JSON = {"Accept": "application/json"}

STATIC = Path(__file__).parents[2] / "seatguard_admin" / "static"


def test_every_page_is_there_and_protected(sample: Sample, reader: Read) -> None:
    """With the strict policy, no caching, no framing, a request id, one `h1` and a title of its own."""
    ada, titles = reader(sample), {}
    for path in places(sample):
        response = ada.get(path)
        assert response.status_code == 200, path
        assert response.headers["Content-Security-Policy"] == POLICY
        assert response.headers["Cache-Control"] == "private, no-store"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["X-Request-Id"]
        text = response.text
        assert text.count("<h1") == 1, path
        title = re.search(r"<title>(.*?)</title>", text)
        assert title is not None
        assert title[1].endswith(" · Seatguard")
        titles[path] = title[1]
        for leftover in (">None<", "{{", "}}", "{%", "0001-01-01", " style=", "onclick", "javascript:"):
            assert leftover not in text, (path, leftover)
    assert len(set(titles.values())) > 25


def test_an_empty_store_has_every_page_too(bare: Sample, reader: Read) -> None:
    """First steps instead of tables, and the documented sentences for nothing to worry about."""
    ada = reader(bare)
    text = ada.text("/")
    for said in ("First steps", "All subscriptions are healthy", "No high utilization services"):
        assert said in text
    for path, said in (
        ("/clients", "No clients yet"),
        ("/projects", "No projects yet"),
        ("/services", "No services yet"),
        ("/plans", "No plans yet"),
        ("/reports/expiring", "All subscriptions are healthy"),
        ("/reports/utilization", "No high utilization services"),
        ("/reports/denials", "Nobody was denied"),
    ):
        assert said in ada.text(path), path


def test_documented_texts_are_there_word_for_word(sample: Sample, reader: Read) -> None:
    """Titles, sub-titles and labels of the documented dashboard."""
    ada = reader(sample)
    said = {
        "/": (
            "Dashboard Overview",
            "Real-time subscription insights and analytics",
            "Active Subscriptions",
            "Expiring Soon (30d)",
            "High Utilization (≥90%)",
            "Total Clients",
            "Expiring Subscriptions",
            "High Utilization Alerts",
        ),
        "/clients": ("Client Management", "Manage your organization's client portfolio", "All Clients"),
        "/projects": ("Projects", "Manage projects under this client"),
        "/services": ("Services", "Manage service subscriptions"),
        "/reports": (
            "Reports & Analytics",
            "Subscription utilization insights and expiry tracking",
            "Expiring Subscriptions",
        ),
        "/reports/utilization": ("High Utilization Services",),
        "/activity": ("Activity Log", "Complete audit trail — every action is recorded"),
        "/api-docs": (
            "External API Documentation",
            "Integrate subscription validation into your third-party applications",
            "Validation API",
            (
                "Call this endpoint before creating a new user in your application to verify if the"
                " subscription limit has been reached."
            ),
            "/api/v1/validate-subscription",
            "Every request must include the api_key and the domain associated with the project.",
            "Request Payload",
            "Success Response (HTTP 200)",
            "Error Response (HTTP 403)",
            "Example Error (Limit Reached)",
            "User Registration API",
            (
                "Call this endpoint after successfully creating a user on your side to sync the count with"
                " the subscription module. This will automatically increment the active user count."
            ),
            "/api/v1/register-user",
            '"api_key": "YOUR_16_DIGIT_KEY"',
            '"expiry": "2025-12-31"',
            '"new_count": 46',
        ),
    }
    for path, texts in said.items():
        page = unescape(ada.text(path))
        for text in texts:
            assert text in page, (path, text)


@pytest.mark.parametrize("view", [View.ACTIVE, View.EXPIRING, View.HIGH])
def test_each_number_is_the_count_of_the_list_it_links_to(sample: Sample, reader: Read, view: View) -> None:
    """The card's number, the tab's number and the rows behind the link are the same."""
    ada = reader(sample)
    card = re.search(
        rf'href="([^"]*view={view.value}[^"]*)"><span class="sg-kpi-label">[^<]*</span>'
        r'<span class="sg-kpi-value">([\d,]+)',
        ada.text("/"),
    )
    assert card is not None
    page = ada.client.get(unescape(card[1])).text
    tab = re.search(r'aria-current="page">[^<]*<span class="sg-pill">(\d+)</span>', page)
    assert tab is not None
    assert card[2] == tab[1] == str(page.count('name="service" value='))
    counted = sample.engine.reports.count_services(sample.actor, ServiceSearch(view=view)).number
    assert int(card[2]) == counted > 0


def test_the_number_of_clients_is_the_number_of_rows(sample: Sample, reader: Read) -> None:
    """Archived ones are in neither."""
    ada = reader(sample)
    card = re.search(r'Total Clients</span><span class="sg-kpi-value">(\d+)', ada.text("/"))
    assert card is not None
    assert int(card[1]) == ada.text("/clients").count('<th scope="row">') == 12


def test_lists_page_both_ways_and_a_changed_cursor_leads_to_page_one(sample: Sample, reader: Read) -> None:
    """25 rows a page: next, previous, and a note for a link that somebody changed."""
    ada = reader(sample)
    ada.client.set_cookie("sg_prefs", "rows=25", path="/seatguard")
    first = ada.text("/services")
    after = re.search(r'id="sg-next"[^>]*href="([^"]+)"', first)
    assert after is not None
    second = ada.client.get(unescape(after[1])).text
    before = re.search(r'id="sg-previous"[^>]*href="([^"]+)"', second)
    assert before is not None
    numbers = re.compile(r"sg-wide\">#(\d+)<")
    assert len(numbers.findall(first)) == 25
    assert not set(numbers.findall(first)) & set(numbers.findall(second))
    assert numbers.findall(ada.client.get(unescape(before[1])).text) == numbers.findall(first)
    strayed = ada.text("/services?after=forged")
    assert "this is the first one" in strayed
    assert numbers.findall(strayed) == numbers.findall(first)


def test_activity_pages_both_ways(sample: Sample, reader: Read) -> None:
    """Older and newer entries meet without a gap."""
    ada = reader(sample)
    ada.client.set_cookie("sg_prefs", "rows=25", path="/seatguard")
    entries = re.compile(r"/activity/([0-9a-f-]{36})")
    first = ada.text("/activity?range=all")
    after = re.search(r'id="sg-next"[^>]*href="([^"]+)"', first)
    assert after is not None
    second = ada.client.get(unescape(after[1])).text
    before = re.search(r'id="sg-previous"[^>]*href="([^"]+)"', second)
    assert before is not None
    assert entries.findall(ada.client.get(unescape(before[1])).text) == entries.findall(first)
    wanted = [one.id for one in sample.engine.journal.search(sample.actor, limit=50).items]
    assert entries.findall(first) + entries.findall(second) == wanted


def test_activity_is_found_by_who_and_by_days_of_ones_own(sample: Sample, reader: Read) -> None:
    """Both days included; what is no day counts as none; the export has the same entries."""
    ada, engine, me = reader(sample), sample.engine, sample.actor
    engine.clients.add(engine.actor("admin", "ada"), name="By Ada")
    entries = re.compile(r"/activity/([0-9a-f-]{36})")
    mine = entries.findall(ada.text("/activity?range=all&who=admin"))
    assert {engine.journal.search(me, Search(id=one)).items[0].actor for one in mine} == {"admin:ada"}
    assert mine
    newest = engine.journal.search(me, limit=1).items[0].at.date()
    day = newest - dt.timedelta(days=12)
    found = entries.findall(ada.text(f"/activity?since={day}&until={day}"))
    assert found
    assert {engine.journal.search(me, Search(id=one)).items[0].at.date() for one in found} == {day}
    exported = ada.post(f"/activity/export?since={day}&until={day}").text
    assert all(line.startswith(day.isoformat()) for line in exported.splitlines()[1:])
    assert len(exported.splitlines()) > len(found)
    assert entries.findall(ada.text("/activity?since=soon&range=24h")) == entries.findall(
        ada.text("/activity?range=24h")
    )


def test_a_region_is_a_part_of_its_page(sample: Sample, reader: Read) -> None:
    """With the module's header only the region comes, and caches are told so."""
    ada = reader(sample)
    part = ada.get("/services", headers={"X-SG-Partial": "sg-list"})
    assert part.text.lstrip().startswith('<div class="sg-region" id="sg-list"')
    assert "<html" not in part.text
    assert "X-SG-Partial" in part.headers["Vary"]


def test_errors_are_pages_with_a_request_id(sample: Sample, reader: Read) -> None:
    """An unknown thing, an unknown address, another tenant's thing: told alike."""
    ada = reader(sample)
    stranger = sample.engine.tenants.ensure("stranger").id
    actor = sample.engine.actor("test", "x", tenant=stranger)
    foreign = sample.engine.clients.add(actor, name="Foreign")
    for path in (
        "/nothing/here",
        f"/clients/{foreign.id}",
        "/services/x",
        f"/plans/{'y' * 300}",
        "/activity/1",
    ):
        response = ada.get(path)
        assert response.status_code == 404, path
        assert response.headers["X-Request-Id"] in response.text
        assert "Foreign" not in response.text


def test_a_failure_shows_no_trace(sample: Sample, reader: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of a broken engine tells the request's id; the log has the rest."""
    ada = reader(sample)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(sample.engine.catalog, "list", broken)
    response = ada.get("/services")
    assert response.status_code == 500
    assert "inside" not in response.text
    assert response.headers["X-Request-Id"] in response.text


def test_a_silent_store_leaves_the_frame_and_the_other_cards(
    sample: Sample, reader: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dashboard shows what it could read; other pages say what to do, with the navigation."""
    ada = reader(sample)

    def silent(*_: object, **__: object) -> None:
        raise StorageUnavailable("no answer", retry_after=3)

    monkeypatch.setattr(sample.engine.journal, "search", silent)
    page = ada.text("/")
    assert "Could not load activity." in page
    assert "Active Subscriptions" in page
    response = ada.get("/activity")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "3"
    assert "Try again in a moment" in response.text
    assert 'aria-label="Main"' in response.text


def test_search_finds_and_answers_the_palette(sample: Sample, reader: Read) -> None:
    """By beginnings of names, domains, numbers and keys; as a page and as JSON."""
    ada = reader(sample)
    key = sample.engine.projects.keys(sample.actor, sample.project)[-1]
    for words, name in (
        ("north", "Northwind Logistics"),
        ("BACK", "Back office"),
        ("app3.example.com", "app3.example.com"),
        ("#1", "web #1"),
        (key.prefix, f"{key.prefix}…"),
        ("plan", "Plans"),
    ):
        found = ada.get("/search", query_string={"q": words}, headers=JSON).get_json()
        assert name in [hit["name"] for hit in found], words
        assert len(found) <= 12
        for hit in found:
            assert ada.client.get(hit["url"]).status_code == 200
    assert "Nothing found" in ada.text("/search?q=zzzz")


def test_search_finds_only_what_the_reader_may_see(sample: Sample, reader: Read) -> None:
    """Under a rule of the host's own too: nothing of a kind that it keeps from them."""

    class Narrow(FlaskLogin):
        def current(self, engine: object, request: object) -> Identity:
            return Identity(name="ada", role="owner")

        def can(self, identity: Identity, action: str, thing: object) -> bool:
            return action not in ("clients.read", "projects.read") and super().can(identity, action, thing)

    key = sample.engine.projects.keys(sample.actor, sample.project)[0]
    ada = reader(sample, authorizer=Narrow(role=lambda _: "owner"))
    for words in ("Northwind", "Back", "app0.example.com", key.prefix):
        kinds = {hit["kind"] for hit in ada.get(f"/search?q={words}", headers=JSON).get_json()}
        assert not kinds & {"Client", "Project", "Domain", "API key"}, words


def test_services_are_found_by_a_domain_and_by_a_key(sample: Sample, reader: Read) -> None:
    """Those of the project it belongs to, in the list, its numbers and its export; else it is a name."""
    ada, engine, me = reader(sample), sample.engine, sample.actor
    number = engine.reports.count_services(me, ServiceSearch(project=sample.project)).number
    key = engine.projects.keys(me, sample.project)[0]
    for words in ("app0.example.com", key.prefix, f"{key.prefix}x9"):
        page = ada.text(f"/services?q={words}")
        assert f">{number} services<" in page
        assert f'value="{words}"' in page
        assert page.count('name="service" value=') == number
        assert len(ada.text(f"/services.csv?q={words}").splitlines()) == number + 1
    assert "No services match these filters" in ada.text("/services?q=nowhere.example.org")
    assert "No services match these filters" in ada.text("/services?q=sg_live_none")


@pytest.mark.parametrize("page", ["/services", "/clients", "/activity"])
@pytest.mark.parametrize(
    "query",
    [
        "endpoint=x",
        "_method=PUT",
        "_external=1&_scheme=javascript",
        "&".join(f"n{at}=1" for at in range(60)),
        "since=9999-12-31&until=9999-12-31",
    ],
)
def test_an_address_with_anything_in_it_is_read(sample: Sample, reader: Read, page: str, query: str) -> None:
    """What means something to the maker of addresses means nothing here, and leads to no other host."""
    text = reader(sample).text(f"{page}?{query}")
    assert "javascript:" not in text
    assert 'href="http' not in text


def test_the_log_is_exported_as_it_is_filtered(sample: Sample, reader: Read) -> None:
    """Without scripts too: the filters are in the address that the button sends to."""
    ada = reader(sample)
    page = ada.text("/activity?range=all&kind=client.archived")
    (address,) = re.findall(r'action="/seatguard(/activity/export[^"]*)" data-sg-export>', page)
    rows = ada.post(unescape(address), range="all").text.splitlines()[1:]
    assert len(rows) == 1
    assert "client.archived" in rows[0]


def test_moments_in_the_log_are_told_as_everywhere(sample: Sample, reader: Read) -> None:
    """In the reader's zone and words; a name with a day in it stays as it is."""
    ada = reader(sample)
    sample.engine.clients.add(sample.actor, name="2026-01-31 Ltd")
    denied = sample.engine.journal.search(sample.actor, Search(kind="seat.denied"), limit=1).items[0]
    minute = dt.datetime.fromisoformat(str(denied.data["minute"]))
    text = ada.text(f"/activity/{denied.id}")
    assert str(denied.data["minute"]) not in re.findall(r"<bdi>(.*?)</bdi>", text)
    assert f"{minute:%H:%M:%S} UTC" in text
    assert "2026-01-31 Ltd" in ada.text("/activity")


def test_reasons_of_refusals_are_told_in_words(sample: Sample, reader: Read) -> None:
    """Beside the code that callers of the API see."""
    text = reader(sample).text("/reports/denials")
    assert '>limit_reached</code><span class="sg-second">no seat was free</span>' in text


def test_static_files_are_small_and_kept_by_browsers(sample: Sample, reader: Read) -> None:
    """At most 12, 10 and 4 KB compressed, 120 KB in all; their address changes with their content."""
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in STATIC.iterdir()}
    assert sizes["sg.css"] <= 12 * 1024
    assert sizes["sg.js"] <= 10 * 1024
    assert sizes["icons.svg"] <= 4 * 1024
    assert sum(path.stat().st_size for path in STATIC.iterdir()) <= 120 * 1024
    ada = reader(sample)
    address = re.search(r'href="(/seatguard/static/sg.css\?v=[0-9a-f]+)"', ada.text("/"))
    assert address is not None
    response = ada.client.get(address[1])
    assert "immutable" in response.headers["Cache-Control"]
    assert "Set-Cookie" not in response.headers


def test_preferences_stay_in_the_browser(sample: Sample, reader: Read) -> None:
    """Theme, language, zone, rows and keys; a zone that is none is told at its field."""
    ada = reader(sample)
    wrong = ada.fill("/preferences", theme="dark", zone="Mars/Olympus", rows="25", language="en")
    assert wrong.status_code == 422
    assert "no IANA time zone" in wrong.text
    saved = ada.fill("/preferences", theme="dark", zone="Asia/Tokyo", rows="25", language="en")
    assert saved.status_code == 303
    page = ada.text("/")
    assert 'data-sg-theme="dark"' in page
    assert 'data-sg-keys="off"' in page
    assert "Asia/Tokyo" in page
    assert ada.post("/preferences/theme", theme="light").status_code == 303
    assert 'data-sg-theme="light"' in ada.text("/")


def test_a_viewer_sees_no_control(sample: Sample, reader: Read) -> None:
    """Neither buttons nor boxes of what the role may not do, and no personal data."""
    vic = reader(sample, role="viewer")
    for path in (
        "/",
        "/clients",
        "/services",
        "/plans",
        f"/services/{sample.service}",
        f"/clients/{sample.client}",
    ):
        text = vic.text(path)
        for control in ("/new", "/renew", "/limit", "/archive", "/edit", 'name="service" value', "/state"):
            assert control not in text, (path, control)
    seats = vic.text(f"/services/{sample.service}?tab=seats")
    assert "user00" not in seats
    assert "us•••" in seats


def test_support_sees_people_and_frees_seats_only(sample: Sample, reader: Read) -> None:
    """Release is there, renewing is not."""
    sue = reader(sample, role="support")
    seats = sue.text(f"/services/{sample.service}?tab=seats")
    assert "user00" in seats
    assert "/release" in seats
    assert "/renew" not in seats


def test_sign_out_is_only_where_the_pages_sign_in(
    sample: Sample, reader: Read, signed_in: Callable[[Sample, str], Reader]
) -> None:
    """A host that signs people in signs them out, too."""
    assert "Sign out" not in reader(sample).text("/")
    assert reader(sample).get("/sign-in").status_code == 404
    assert "Sign out" in signed_in(sample, "ada").text("/")


def test_pages_say_where_entries_are_archived(sample: Sample, reader: Read, tmp_path: Path) -> None:
    """At the end of a list, and of a record's own: what is not shown is not made out never to have been."""
    ada = reader(sample)
    paths = ("/activity?range=all&kind=project.", f"/services/{sample.service}?tab=activity")
    assert not any("Older entries are archived." in ada.text(path) for path in paths)
    sample.clock.travel(days=60)
    before = sample.clock() - dt.timedelta(days=40)
    sample.engine.archive(sample.actor, before=before, file=tmp_path / "journal.gz")
    for path in paths:
        assert "Older entries are archived." in ada.text(path), path
    assert "Older entries are archived." not in ada.text("/activity?range=7d&kind=project.")
    assert "moved older entries to an archive of" in ada.text("/activity?range=24h")
