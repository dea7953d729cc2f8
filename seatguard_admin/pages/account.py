"""Signing in and out, and the reader's own preferences."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from flask import Response, request
from werkzeug.exceptions import NotFound as NoSuchPage

from seatguard_admin.desk import Desk
from seatguard_admin.forms import Field, Form
from seatguard_admin.identity import SignIn
from seatguard_admin.preferences import COOKIE, LANGUAGES, ROWS, THEMES, Preferences
from seatguard_admin.registry import Pages
from seatguard_flask.attempts import FailedAttempts

pages = Pages()

_YEAR = 31_536_000
_failures = FailedAttempts(20)


@pages.form("/sign-in", needs=None, open=True)
def sign_in(desk: Desk) -> Response:
    """Ask for name and password."""
    t, authorizer = desk.t, desk.mounted.authorizer
    if not isinstance(authorizer, SignIn):
        raise NoSuchPage
    form = Form(
        title=t("Sign in"),
        button=t("Sign in"),
        fields=[
            Field(name="name", label=t("Name"), autocomplete="username", required=True),
            Field(
                name="password",
                label=t("Password"),
                kind="password",
                autocomplete="current-password",
                required=True,
            ),
        ],
    )
    if request.method == "GET":
        return desk.show("form.html", form=form)
    wait = _failures.retry_after(request.remote_addr)
    if wait is not None:
        form.error = t("Too many attempts from your address. Try again in a minute.")
        response = desk.show("form.html", status=429, form=form)
        response.headers["Retry-After"] = str(wait)
        return response
    form.named("name").value = request.form.get("name", "")[:100]
    engine = desk.engine
    found = engine.administrators.sign_in(
        authorizer.tenant(engine), name=request.form.get("name"), password=request.form.get("password")
    )
    if found is None:
        _failures.note(request.remote_addr)
        form.error = t(
            "Name and password do not fit. After five wrong passwords a name is locked for 15 minutes."
        )
        return desk.show("form.html", status=401, form=form)
    authorizer.begin(found)
    return desk.go_to(_ours(request.args.get("next")) or desk.url("dashboard"))


@pages.post("/sign-out", needs=None, open=True)
def sign_out(desk: Desk) -> Response:
    """End the session."""
    authorizer = desk.mounted.authorizer
    if not isinstance(authorizer, SignIn):
        raise NoSuchPage
    authorizer.end()
    return desk.go_to(desk.url("sign_in"))


@pages.form("/preferences", needs=None)
def preferences(desk: Desk) -> Response:
    """How the pages look to this reader; kept in this browser only."""
    t, mine = desk.t, desk.preferences
    themes = {"auto": t("As the system"), "light": t("Light"), "dark": t("Dark")}
    languages = {"auto": t("As the browser"), "en": "English", "de": "Deutsch"}
    form = Form(
        title=t("Preferences"),
        intro=t("Kept in this browser only."),
        button=t("Save preferences"),
        back=desk.url("dashboard"),
        fields=[
            Field(
                name="theme",
                label=t("Theme"),
                kind="radio",
                value=mine.theme,
                options=[(one, themes[one]) for one in THEMES],
            ),
            Field(
                name="language",
                label=t("Language"),
                kind="select",
                value=mine.language,
                options=[(one, languages[one]) for one in LANGUAGES],
            ),
            Field(
                name="zone",
                label=t("Time zone"),
                value=mine.zone,
                hint=t("An IANA name such as Europe/Berlin. Times are shown in it; days of lists are UTC's."),
            ),
            Field(
                name="rows",
                label=t("Rows of a list"),
                kind="select",
                value=str(mine.rows),
                options=[(str(rows), str(rows)) for rows in ROWS],
            ),
            Field(
                name="keys",
                label=t("Single-key shortcuts"),
                kind="check",
                value="on" if mine.keys else "",
                hint=t("/ searches, g then a letter goes, n makes something new, ? shows all."),
            ),
            Field(
                name="refresh",
                label=t("Refresh the dashboard every minute"),
                kind="check",
                value="on" if mine.refresh else "",
                hint=t("Not while you work in it, and not while it is hidden."),
            ),
        ],
    )
    if request.method == "GET":
        return desk.show("form.html", form=form)
    for one in form.fields:
        one.value = request.form.get(one.name, "")
    chosen = Preferences.of({one.name: one.value or "off" for one in form.fields})
    if chosen.zone != form.text("zone"):
        form.named("zone").error = t("This is no IANA time zone: use one such as Europe/Berlin or UTC.")
        return desk.show("form.html", status=422, form=form)
    return _kept(desk, chosen, desk.go("preferences", said=t("Saved your preferences.")))


@pages.post("/preferences/theme", needs=None)
def switch_theme(desk: Desk) -> Response:
    """Light, dark, or as the system is; back to the page it was switched on."""
    given = request.form.get("theme", "")
    chosen = replace(desk.preferences, theme=given if given in THEMES else "auto")
    back = urlsplit(request.referrer or "")
    here = f"{back.path}?{back.query}" if back.query else back.path
    known = back.netloc == request.host and _ours(here)
    return _kept(desk, chosen, desk.go_to(known or desk.url("dashboard")))


@pages.get("/<path:nowhere>", needs=None)
def nothing(_desk: Desk, **_: str) -> Response:
    """An address below ours without a page: told in our words, not in the host's."""
    raise NoSuchPage


def _kept(desk: Desk, chosen: Preferences, response: Response) -> Response:
    response.set_cookie(
        COOKIE,
        chosen.written(),
        max_age=_YEAR,
        path=desk.mounted.cookie_path,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


def _ours(address: str | None) -> str | None:
    """A path on this host, and nothing else: an address from outside leads nowhere."""
    if not address or not address.startswith("/") or address[1:2] in ("/", "\\"):
        return None
    if any(ord(character) < 33 for character in address):
        return None
    return address
