"""``seatguard plan``: what is sold."""

from __future__ import annotations

from functools import partial

import click

from seatguard import NotFound
from seatguard.catalog.model import Plan
from seatguard.manifest.paging import whole
from seatguard_flask.cli.options import LIMIT
from seatguard_flask.cli.output import listing, show
from seatguard_flask.cli.session import Session, operation


@click.group()
def plan() -> None:
    """Plans: list them, set their seats."""


@plan.command("list")
@operation
def list_(session: Session) -> None:
    """All plans, deactivated ones included."""
    rows = [_row(session, one) for one in whole(partial(session.engine.catalog.list, session.actor))]
    listing(["slug", "name", "seats", "active"], rows, json=session.json, empty="no plans yet")


@plan.command("set")
@click.argument("slug")
@click.option("--seats", type=LIMIT, required=True, help='How many seats; "unlimited", or 0 for none.')
@click.option("--name", help="A name for people.")
@click.option(
    "--apply-to",
    type=click.Choice(["all", "new"]),
    default="all",
    show_default=True,
    help="Whether present subscribers follow, or only new ones get the new number.",
)
@operation
def set_(session: Session, slug: str, seats: int | str, name: str | None, apply_to: str) -> None:
    """Add the plan SLUG, or publish its next version with another number of seats."""
    catalog, count = session.engine.catalog, seats if isinstance(seats, int) else None
    try:
        found = catalog.get(session.actor, slug)
    except NotFound:
        found = catalog.add(session.actor, slug=slug, name=name, seats=count)
    else:
        if catalog.current(session.actor, slug).seats != count:
            session.engine.publish_plan(session.actor, slug, seats=count, apply_to=apply_to)
        if name is not None:
            catalog.rename(session.actor, slug, name=name)
        found = catalog.get(session.actor, slug)
    show(_row(session, found), json=session.json)


def _row(session: Session, one: Plan) -> dict[str, object]:
    version = session.engine.catalog.current(session.actor, one.slug)
    return {
        "slug": one.slug,
        "name": one.name,
        "seats": version.seats,
        "version": version.number,
        "active": one.active,
    }
