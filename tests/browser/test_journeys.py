"""What an operator does, in the browser: with scripts, without, by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.admin.sample import PASSWORD, Sample, app_on
from tests.browser.conftest import Open, serving

Serve = Callable[..., str]


def test_first_run_leads_to_a_first_validated_call(bare: Sample, serve: Serve, visit: Open) -> None:
    """Client, project, service, key, and the try-it of the documentation says yes."""
    window = visit(serve(bare))
    page = window.open()
    page.get_by_role("link", name=re.compile("Create a client")).click()
    page.get_by_role("textbox", name="Name").fill("Acme")
    page.get_by_role("button", name="Create client").click()
    page.get_by_role("link", name="New project").click()
    page.get_by_role("textbox", name="Name").fill("Shop")
    page.get_by_role("textbox", name="Domains").fill("shop.acme.example")
    page.get_by_role("button", name="Create project").click()
    page.get_by_role("heading", name="Shop", level=1).wait_for()
    page.get_by_role("link", name="New service").click()
    page.get_by_role("textbox", name="Seat limit").fill("2")
    page.get_by_role("button", name="+1 year").click()
    page.get_by_role("button", name="Create service").click()
    page.get_by_role("link", name="Keys", exact=True).click()
    page.get_by_role("link", name="New API key").click()
    page.get_by_role("button", name="Create key").click()
    key = page.locator("#sg-new-key").inner_text()
    assert re.fullmatch(r"sg_live_[0-9A-Za-z]{38}", key)
    # Escape does not close what is shown once.
    page.keyboard.press("Escape")
    assert page.locator("#sg-new-key").is_visible()
    page.get_by_role("link", name="I have saved the key").click()
    page.wait_for_url("**/projects/*")
    assert key not in page.content()
    window.open("/api-docs")
    page.locator("#sg-try-1-key").fill(key)
    page.locator("#sg-try-1-domain").fill("shop.acme.example")
    page.get_by_role("button", name="Send request").first.click()
    answer = page.locator("[data-sg-answer]").first
    answer.get_by_text("HTTP 200").wait_for()
    assert '"allowed": true' in answer.inner_text()
    assert window.wrong == []
    assert window.foreign() == []


def test_a_full_service_raises_an_alert_and_a_raised_limit_ends_it(
    sample: Sample, serve: Serve, visit: Open
) -> None:
    """Fill the last seat by hand, see it on the dashboard, raise the limit there."""
    engine, me = sample.engine, sample.actor
    service = engine.subscriptions.add(me, sample.project, limit=1, type="lastseat")
    window = visit(serve(sample))
    page = window.open("/")
    alerts = page.get_by_role("region", name="High Utilization Alerts")
    assert alerts.get_by_text("lastseat").count() == 0
    window.open(f"/services/{service.id}/seats/new")
    page.get_by_role("textbox", name="Username").fill("zoe")
    page.get_by_role("button", name="Register user").click()
    page.get_by_text("zoe has a seat.").wait_for()
    window.open("/services?view=high")
    assert page.get_by_role("row").filter(has_text="lastseat").get_by_text("1 of 1 seat · Full").is_visible()
    page.get_by_label("Actions for lastseat").click()
    page.get_by_role("link", name="Change limit").click()
    page.get_by_role("textbox", name="Seats").fill("5")
    page.get_by_role("button", name="Change limit").click()
    page.get_by_text("Changed the limit: 1 → 5.").wait_for()
    assert engine.subscriptions.get(me, service.id).limit == 5


def test_a_limit_below_use_is_confirmed_in_the_dialog(sample: Sample, serve: Serve, visit: Open) -> None:
    """The first answer tells both numbers; the box keeps the users."""
    page = visit(serve(sample)).open(f"/services/{sample.full}")
    page.get_by_role("link", name="Change limit").click()
    page.get_by_role("textbox", name="Seats").fill("4")
    page.get_by_role("button", name="Change limit").click()
    page.get_by_role("alert").get_by_text("10 taken, 4 allowed").wait_for()
    page.get_by_label("Keep 10 users, refuse new ones").check()
    page.get_by_role("button", name="Change limit").click()
    page.get_by_text("10 of 4 seats · 6 over").first.wait_for()


def test_renew_and_rotate(sample: Sample, serve: Serve, visit: Open) -> None:
    """From the dashboard's list; the rotated key is listed with the time it stops."""
    page = visit(serve(sample)).open("/")
    page.get_by_role("link", name=re.compile("^Renew ")).first.click()
    page.get_by_role("button", name="+1 year").click()
    page.get_by_role("button", name="Renew service").click()
    page.get_by_text("Renewed. Last day:").wait_for()
    project = sample.engine.reports.projects(sample.actor, q="Back").items[7].project.id
    page.goto(page.url.partition("/seatguard")[0] + f"/seatguard/projects/{project}?tab=keys")
    page.get_by_role("link", name="Rotate").click()
    page.get_by_label("in 48 hours").check()
    page.get_by_role("button", name="Rotate key").click()
    page.get_by_role("link", name="I have saved the key").click()
    page.get_by_text("stops in 2 days").wait_for()


def test_archive_by_typing_the_name_and_undo(sample: Sample, serve: Serve, visit: Open) -> None:
    """The button waits for the name; the note offers the way back."""
    page = visit(serve(sample)).open(f"/clients/{sample.client}")
    page.get_by_role("link", name="Archive client").click()
    button = page.get_by_role("button", name="Archive client")
    assert button.is_disabled()
    page.get_by_label("Type the client's name").fill("Northwind Logistics")
    button.click()
    page.get_by_text("Archived the client Northwind Logistics.").wait_for()
    assert page.get_by_role("link", name="Northwind Logistics").count() == 0
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Restored the client Northwind Logistics.").wait_for()


def test_filtering_keeps_focus_address_and_history(sample: Sample, serve: Serve, visit: Open) -> None:
    """Typing searches, the caret stays, the number is announced; Back works; the export follows."""
    window = visit(serve(sample))
    page = window.open("/services")
    box = page.get_by_role("searchbox", name="Search")
    box.click()
    page.keyboard.type("quanta")
    page.wait_for_url("**q=quanta**")
    page.locator("[data-sg-live]", has_text="2 services").wait_for(state="attached")
    assert page.evaluate("document.activeElement.id") == "sg-q"
    assert box.input_value() == "quanta"
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 3
    page.go_back()
    page.locator(".sg-table tbody tr").nth(10).wait_for()
    assert "q=" not in page.url
    page.get_by_role("link", name="Utilization ≥90%").click()
    page.wait_for_url("**view=high**")
    page.get_by_role("link", name="Expires").click()
    page.wait_for_url("**sort=expires**")
    assert "view=high" in page.url
    assert window.wrong == []


def test_many_at_once(sample: Sample, serve: Serve, visit: Open) -> None:
    """Tick, see how many, apply, read what happened to each."""
    page = visit(serve(sample)).open("/services")
    bar = page.locator("[data-sg-bulk]")
    assert not bar.is_visible()
    for at in range(3):
        page.locator(".sg-row-check").nth(at).check()
    assert "3 selected" in bar.inner_text()
    page.get_by_label("With the selected").select_option("suspend")
    page.get_by_role("button", name="Apply to selected").click()
    page.get_by_role("heading", name=re.compile("done, .* skipped")).wait_for()


def test_a_conflict_shows_mine_and_theirs(sample: Sample, serve: Serve, visit: Open) -> None:
    """In the dialog; sent again it goes through."""
    page = visit(serve(sample)).open(f"/clients/{sample.client}")
    page.get_by_role("link", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("Mine")
    sample.engine.clients.rename(sample.actor, sample.client, name="Theirs")
    page.get_by_role("button", name="Rename client").click()
    page.get_by_role("cell", name="Theirs").wait_for()
    assert page.get_by_role("cell", name="Mine").is_visible()
    page.get_by_role("button", name="Rename client").click()
    page.get_by_role("heading", name="Mine", level=1).wait_for()


def test_a_viewer_finds_nothing_to_press(sample: Sample, serve: Serve, visit: Open) -> None:
    """No control that changes something, on any of the main pages."""
    window = visit(serve(sample, role="viewer"))
    for path in ("/", "/clients", "/services", f"/services/{sample.service}", "/plans"):
        page = window.open(path)
        for name in ("New", "Renew", "Raise", "Change", "Archive", "Suspend", "Rotate"):
            assert page.get_by_role("main").get_by_role("link", name=re.compile(f"^{name} ")).count() == 0


def test_without_scripts_everything_still_works(sample: Sample, visit: Open) -> None:
    """Sign in, filter, change a limit, read an entry, open the navigation of a phone, sign out."""
    with serving(app_on(sample)) as base:
        window = visit(base, scripts=False, width=390)
        page = window.open("/services")
        page.get_by_role("textbox", name="Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Search", exact=True).fill("nimbus")
        page.get_by_role("button", name="Apply", exact=True).click()
        assert page.locator(".sg-table tbody tr").count() == 2
        window.open(f"/services/{sample.full}/limit")
        page.get_by_role("textbox", name="Seats").fill("40")
        page.get_by_role("button", name="Change limit").click()
        assert page.get_by_text("Changed the limit: 10 → 40.").is_visible()
        window.open("/activity")
        page.locator(".sg-event-line").first.click()
        assert page.get_by_text("admin:ada").first.is_visible()
        page.get_by_role("button", name="Open navigation").click()
        assert page.get_by_role("link", name="Plans").is_visible()
        page.get_by_role("button", name="Sign out").click()
        assert page.url.endswith("/sign-in")


def test_by_keyboard_alone(sample: Sample, serve: Serve, visit: Open) -> None:
    """Skip link, palette, jumps, search, a dialog that gives the focus back."""
    window = visit(serve(sample))
    page = window.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "sg-skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "sg-main"
    page.keyboard.press("Control+k")
    page.keyboard.type("kestrel")
    page.get_by_role("option", name=re.compile("Kestrel Aviation")).first.wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Kestrel Aviation", level=1).wait_for()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/services")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "sg-q"
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    page.get_by_role("dialog").get_by_role("heading", name="New service").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent.trim()") == "New service"
    assert window.wrong == []


def test_shortcuts_can_be_switched_off(sample: Sample, serve: Serve, visit: Open) -> None:
    """Then single keys and Ctrl K do nothing."""
    window = visit(serve(sample))
    page = window.open("/preferences")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save preferences").click()
    page.get_by_text("Saved your preferences.").wait_for()
    window.open("/services")
    page.keyboard.press("/")
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.id") != "sg-q"
    assert not page.locator("#sg-palette").is_visible()


def test_a_plan_gets_another_version(sample: Sample, serve: Serve, visit: Open) -> None:
    """Rows are added and filled in, the changes looked at, gone back on, and published."""
    window = visit(serve(sample))
    page = window.open("/plans/team")
    page.get_by_role("link", name="New version").click()
    page.get_by_role("button", name=re.compile("^Add a row.*Prices$")).click()
    page.get_by_label("Prices: Currency").last.fill("USD")
    page.get_by_label("Prices: Amount").last.fill("59")
    page.get_by_role("textbox", name="Seats", exact=True).fill("150")
    page.get_by_role("button", name="Review changes").click()
    page.get_by_role("row", name="Seats 100 150").wait_for()
    assert page.get_by_role("row", name="Price in USD none 59.00 USD").is_visible()
    assert page.get_by_text("Changes 6 services now").is_visible()
    page.get_by_role("button", name="Back to editing").click()
    page.get_by_role("textbox", name="Days of trial").fill("30")
    page.get_by_role("button", name="Review changes").click()
    page.get_by_role("button", name="Publish version 4").click()
    page.get_by_text("Published version 4.").wait_for()
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("row", name="Days of trial 14 30").wait_for()
    assert sample.engine.catalog.current(sample.actor, "team").seats == 150
    assert window.wrong == []


def test_a_view_is_saved_found_and_removed(sample: Sample, serve: Serve, visit: Open) -> None:
    """The filters under a name, with their number, from the list itself."""
    window = visit(serve(sample))
    page = window.open("/services")
    page.get_by_text("More filters").click()
    page.get_by_label("At least % taken").fill("100")
    page.wait_for_url("**util_gte=100**")
    page.get_by_role("link", name="Save view").click()
    page.get_by_role("textbox", name="Name").fill("Packed")
    page.get_by_role("button", name="Save view").click()
    page.get_by_text("Saved the view Packed.").wait_for()
    window.open("/services")
    page.get_by_role("link", name=re.compile("^Packed")).click()
    page.wait_for_url("**util_gte=100**")
    page.get_by_role("link", name="Remove view").click()
    page.get_by_role("button", name="Remove view").click()
    page.get_by_text("Removed the view Packed.").wait_for()
    assert page.get_by_role("link", name=re.compile("^Packed")).count() == 0
    assert window.wrong == []


def test_the_dashboard_keeps_itself_new(sample: Sample, serve: Serve, visit: Open) -> None:
    """Every minute; not while somebody works in it, and not when it was switched off. A number that cannot
    be read anew stays."""
    window = visit(serve(sample))
    page = window.page
    page.clock.install()
    window.open("/")
    clients = page.get_by_role("link", name=re.compile("^Total Clients"))
    assert "12" in clients.inner_text()
    sample.engine.clients.add(sample.actor, name="One more")
    page.clock.run_for(61_000)
    clients.get_by_text("13", exact=True).wait_for()
    assert page.locator("[data-sg-live]").inner_text() == ""
    sample.engine.clients.add(sample.actor, name="And another")
    clients.focus()
    asked = len(window.asked)
    page.clock.run_for(200_000)
    assert len(window.asked) == asked
    assert page.evaluate("document.activeElement.textContent").startswith("Total Clients")
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(61_000)
    clients.get_by_text("14", exact=True).wait_for()
    window.open("/preferences")
    page.get_by_label("Refresh the dashboard every minute").uncheck()
    page.get_by_role("button", name="Save preferences").click()
    page.get_by_text("Saved your preferences.").wait_for()
    window.open("/")
    assert page.locator("[data-sg-refresh]").count() == 0
    assert window.wrong == []


def test_the_theme_is_switched_and_kept(sample: Sample, serve: Serve, visit: Open) -> None:
    """At once, and by the server on the next page: no flash of the other one."""
    window = visit(serve(sample))
    page = window.open("/")
    assert page.evaluate("document.body.dataset.sgTheme") == "auto"
    with page.expect_response("**/preferences/theme"):
        page.get_by_role("button", name="Switch theme").click()
    page.wait_for_function("document.body.dataset.sgTheme === 'dark'")
    window.open("/clients")
    assert page.evaluate("document.body.dataset.sgTheme") == "dark"


def test_a_lost_connection_leaves_the_list(sample: Sample, serve: Serve, visit: Open) -> None:
    """And says so."""
    window = visit(serve(sample))
    page = window.open("/services")
    rows = page.locator(".sg-table tbody tr").count()
    page.context.set_offline(True)
    page.get_by_role("link", name=re.compile("^Expired")).click()
    page.get_by_text("Could not refresh the list.").wait_for()
    assert page.locator(".sg-table tbody tr").count() == rows


def test_a_copied_snippet_is_the_whole_call(shown: str, visit: Open) -> None:
    """Tabs of four languages by mouse and by arrow keys; Copy copies."""
    window = visit(shown, permissions=["clipboard-read", "clipboard-write"])
    page = window.open("/api-docs")
    tabs = page.get_by_role("tablist", name="Language").first
    tabs.get_by_role("tab", name="Python").click()
    page.keyboard.press("ArrowRight")
    assert tabs.get_by_role("tab", name="JavaScript").get_attribute("aria-selected") == "true"
    panel = page.get_by_role("tabpanel", name="JavaScript").first
    panel.get_by_role("button", name="Copy").click()
    panel.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("const answer = await fetch(")
    assert "process.env.SEATGUARD_KEY" in copied


@pytest.mark.parametrize("width", [768, 1024])
def test_between_phone_and_desk(shown: str, visit: Open, width: int) -> None:
    """The main pages fit."""
    window: Any = visit(shown, width=width)
    for path in ("/", "/services", "/activity", "/api-docs", "/clients"):
        page = window.open(path)
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
