"""Inside a host's own template: the host keeps its look, and ours is the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
from flask import Flask

from tests.admin.sample import Sample, anybody, app_on
from tests.browser.conftest import Open, serving

ASSETS = Path(__file__).parent / "assets"
HOSTS = ("plain", "bootstrap", "pico")

BASE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{% block title %}Host{% endblock %}</title>
{% if sheet %}<link rel="stylesheet" href="/{{ sheet }}.css">{% endif %}</head>
<body><header class="container" id="host"><h1>Host</h1>
<nav><ul><li><a href="#">One</a></li><li><a href="#">Two</a></li></ul></nav>
<form><input type="search" placeholder="Find"><select><option>All</option></select>
<button class="btn btn-primary">Go</button></form>
<table class="table"><tr><th>A</th><td>1</td></tr></table>
<p>Some <code>code</code> and <small>small</small>.</p></header>
<main class="container">{% block content %}{% endblock %}</main></body></html>"""

STYLES = """() => {
  const wanted = [
    "color", "backgroundColor", "backgroundImage", "fontFamily", "fontSize", "fontWeight", "lineHeight",
    "letterSpacing", "textAlign", "textDecorationLine", "textTransform", "paddingTop", "paddingLeft",
    "paddingRight", "marginTop", "marginBottom", "borderTopWidth", "borderTopColor", "borderTopLeftRadius",
    "boxShadow", "display", "listStyleType", "verticalAlign", "whiteSpace",
  ];
  return [...document.querySelectorAll(".sg .sg-page, .sg .sg-page *, .sg .sg-subnav *")]
    .filter((one) => !one.closest("svg, option, dialog, template, [type=hidden]"))
    .map((one) => {
      const style = getComputedStyle(one);
      return [one.tagName + "." + one.className, ...wanted.map((name) => name + ": " + style[name])];
    });
}"""


def host(sample: Sample, kind: str) -> Flask:
    """An app with a template and a style sheet of its own, and the pages inside it."""
    app = app_on(
        sample,
        authorizer=anybody(),
        base_template="host.html",
        block="content",
        title_block="title",
        policy=None,
    )
    app.jinja_env.loader = jinja2.ChoiceLoader(
        [app.jinja_env.loader, jinja2.DictLoader({"host.html": BASE})]  # type: ignore[list-item]
    )
    sheet = "" if kind == "plain" else kind
    app.jinja_env.globals["sheet"] = sheet

    @app.get("/alone")
    def alone() -> str:
        return app.jinja_env.get_template("host.html").render()

    @app.get("/<name>.css")
    def css(name: str) -> Any:
        return app.response_class((ASSETS / f"{name}.min.css").read_text(), mimetype="text/css")

    return app


@pytest.mark.parametrize("kind", HOSTS)
def test_the_hosts_pixels_do_not_change(stock: Sample, visit: Open, kind: str) -> None:
    """Its header looks the same with our pages below it as without; its title block has ours."""
    with serving(host(stock, kind)) as base:
        window = visit(base)
        page = window.page
        page.goto(f"{base}/alone")
        before = page.locator("#host").screenshot()
        for path in ("/", "/services", "/activity"):
            window.open(path)
            page.mouse.move(0, 0)
            assert page.locator("#host").screenshot() == before, path
        assert "Activity Log" in page.title()
        assert page.get_by_role("link", name="Clients").first.is_visible()
        assert window.wrong == []


def test_our_look_is_the_same_in_every_host(stock: Sample, visit: Open) -> None:
    """Computed styles of every element of the main pages are equal in all three hosts."""
    paths = (
        "/",
        "/services",
        f"/services/{stock.service}",
        "/services/new",
        "/activity",
        "/api-docs",
        "/plans",
        f"/projects/{stock.project}?tab=keys",
    )
    seen: dict[str, dict[str, Any]] = {}
    for kind in HOSTS:
        with serving(host(stock, kind)) as base:
            window = visit(base)
            seen[kind] = {path: window.open(path).evaluate(STYLES) for path in paths}
    drift = set()
    for kind in HOSTS[1:]:
        for path in paths:
            assert len(seen[kind][path]) == len(seen["plain"][path])
            for ours, plain in zip(seen[kind][path], seen["plain"][path], strict=True):
                for one, other in zip(ours, plain, strict=True):
                    if one != other:
                        drift.add(f"{kind} {ours[0]}: {one} (plain {other})")
    assert drift == set()


def test_dialogs_work_inside_a_host_and_keys_stay_the_hosts(stock: Sample, visit: Open) -> None:
    """A form opens in front of the host's page; single keys and Ctrl K are left to the host."""
    with serving(host(stock, "bootstrap")) as base:
        window = visit(base)
        page = window.open("/services")
        page.keyboard.press("Control+k")
        assert not page.locator("#sg-palette").is_visible()
        page.get_by_role("link", name="New service").click()
        page.get_by_role("dialog").get_by_role("heading", name="New service").wait_for()
        assert window.wrong == []
