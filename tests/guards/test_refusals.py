"""How a refusal looks to whom, and who may have it look otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, abort
from jinja2 import DictLoader
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from seatguard import Denied
from seatguard_flask import (
    PaymentRequired,
    ProjectSuspended,
    SeatLimitReached,
    SeatRefused,
    SubscriptionInactive,
)
from tests.guards.conftest import Host

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def refused(host: Host, **headers: str) -> TestResponse:
    """The answer to a third user of two seats."""
    if "users" not in host.app.view_functions:
        view = host.seats.consume(project="acme")(lambda: ("", 204))
        host.app.add_url_rule("/users", "users", view, methods=["POST"])
        host.seats.take("acme", "ada")
        host.engine.seats.hold(host.me, host.engine.where(host.project.id), "bob", seconds=60)
    return host.post(headers=headers)


def test_a_program_is_told_in_json(host: Host) -> None:
    """RFC 9457 with a code, and no numbers: the caller may be anybody."""
    answer = refused(host)
    assert (answer.status_code, answer.mimetype) == (402, "application/problem+json")
    assert answer.get_json() == {
        "type": "about:blank",
        "title": "Payment Required",
        "status": 402,
        "detail": "All seats are taken. Free one, or ask for more.",
        "code": "limit_reached",
        "instance": "/users",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Accept, HX-Request"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/problem+json", "text/plain", ""])
def test_json_is_for_whoever_does_not_prefer_html(host: Host, accept: str) -> None:
    """As curl and fetch ask."""
    assert refused(host, Accept=accept).mimetype == "application/problem+json"


def test_a_browser_is_shown_a_page(host: Host) -> None:
    """A whole page that works without scripts and under a strict content policy."""
    answer = refused(host, Accept=BROWSER)
    assert (answer.status_code, answer.content_type) == (402, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")
    assert "All seats are taken." in answer.text
    assert "<script" not in answer.text
    assert "style" not in answer.text
    assert "2" not in answer.text.partition("<main>")[2]


def test_htmx_is_sent_the_part(host: Host) -> None:
    """To be put into the page that is there."""
    answer = refused(host, **{"HX-Request": "true", "Accept": "*/*"})
    assert (answer.status_code, answer.mimetype) == (402, "text/html")
    assert answer.text.startswith("<section")
    assert "<html" not in answer.text


def test_numbers_are_shown_where_the_host_wants_it(new_host: Callable[..., Host]) -> None:
    """`SEATGUARD_EXPOSE_USAGE` and `SEATGUARD_UPGRADE_URL`."""
    host = new_host(SEATGUARD_EXPOSE_USAGE=True, SEATGUARD_UPGRADE_URL="https://shop.example/up?a=1&b=2")
    body = refused(host).get_json()
    assert body["upgrade_url"] == "https://shop.example/up?a=1&b=2"
    assert {
        name: body[name] for name in ("project", "feature", "plan", "limit", "used", "held", "remaining")
    } == {
        "project": "acme",
        "feature": "seats",
        "plan": None,
        "limit": 2,
        "used": 1,
        "held": 1,
        "remaining": 0,
    }
    page = refused(host, Accept=BROWSER).text
    assert "2 of 2 seats are taken." in page
    assert 'href="https://shop.example/up?a=1&amp;b=2"' in page


def test_the_app_has_a_page_of_its_own(host: Host) -> None:
    """A template of the app's comes before ours."""
    host.app.jinja_loader = DictLoader(
        {"seatguard/limit_reached.html": "{{ error.reason }} {{ error.decision.facts.terms.limit }}"}
    )
    assert refused(host, Accept=BROWSER).text == "limit_reached 2"


@pytest.mark.parametrize("status", [402, 403, 409, 422])
def test_the_status_is_the_hosts_choice(new_host: Callable[..., Host], status: int) -> None:
    """`SEATGUARD_LIMIT_STATUS`; the code stays."""
    host = new_host(SEATGUARD_LIMIT_STATUS=status)
    answer = refused(host)
    assert (answer.status_code, answer.get_json()["status"]) == (status, status)
    assert answer.get_json()["code"] == "limit_reached"


def test_one_view_has_a_status_of_its_own(new_host: Callable[..., Host]) -> None:
    """Whatever the setting says, also one that Werkzeug does not know."""
    for status in (403, 499):
        host = new_host(SEATGUARD_LIMIT_STATUS=409, limit=0)
        host.app.post("/users")(host.seats.consume(project="acme", status=status)(lambda: ""))
        if status == 403:
            assert host.post().status_code == 403


@pytest.mark.parametrize("status", [402, 403])
@pytest.mark.parametrize("kind", [SeatLimitReached, SeatRefused, Denied, HTTPException, Exception, "status"])
def test_the_hosts_own_handler_wins(new_host: Callable[..., Host], status: int, kind: Any) -> None:
    """For the class, for what it is derived from, or for the status."""
    host = new_host(SEATGUARD_LIMIT_STATUS=status)
    seen: list[SeatRefused] = []

    def handle(error: SeatRefused) -> tuple[str, int]:
        seen.append(error)
        return "ours", 499

    host.app.register_error_handler(status if kind == "status" else kind, handle)
    assert (refused(host).status_code, refused(host).text) == (499, "ours")
    assert isinstance(seen[0], SeatLimitReached)
    assert seen[0].decision.facts.usage.live == 2
    assert seen[0].code == status


def test_402_is_a_status_like_others() -> None:
    """Werkzeug has none: `abort(402)` and `errorhandler(402)` work in an app made afterwards."""
    app = Flask("shop")
    app.get("/")(lambda: abort(402))
    assert app.test_client().get("/").status_code == 402
    app = Flask("shop")
    app.get("/")(lambda: abort(402))
    app.register_error_handler(402, lambda error: (type(error).__name__, 402))
    assert app.test_client().get("/").text == PaymentRequired.__name__


@pytest.mark.parametrize(
    ("act", "kind", "status", "code"),
    [
        ("suspend", ProjectSuspended, 403, "suspended"),
        ("cancel", SubscriptionInactive, 402, "inactive"),
        ("expire", SubscriptionInactive, 402, "expired"),
    ],
)
def test_each_reason_has_its_class(
    new_host: Callable[..., Host], act: str, kind: type[Exception], status: int, code: str
) -> None:
    """What paying cures is a 402, what it does not cure is none; a link to an upgrade goes with the first."""
    host = new_host(SEATGUARD_UPGRADE_URL="https://shop.example/up")
    service = host.engine.subscriptions.list(host.me, project_id=host.project.id).items[0]
    if act == "expire":
        host.engine.subscriptions.renew(host.me, service.id, expiry="2020-01-01")
    else:
        getattr(host.engine.subscriptions, act)(host.me, service.id)
    host.app.post("/users")(host.seats.consume(project="acme")(lambda: ""))
    answer = host.post()
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert ("upgrade_url" in answer.get_json()) == (status == 402)
    with host.app.test_request_context(), pytest.raises(kind), host.seats.hold("acme"):
        pass


def test_a_project_without_a_subscription(host: Host) -> None:
    """There is nothing to sit in."""
    client = host.engine.clients.add(host.me, name="Other")
    bare = host.engine.projects.add(host.me, client.id, name="Bare")
    host.app.post("/users")(host.seats.consume(project=bare.id)(lambda: ""))
    answer = host.post()
    assert (answer.status_code, answer.get_json()["code"]) == (402, "no_service")
