"""``seatguard change``: what was agreed on for later."""

from __future__ import annotations

import datetime as dt
from functools import partial

import click

from seatguard.manifest.paging import whole
from seatguard.subscriptions.model import ChangeState, ScheduledChange
from seatguard.subscriptions.scheduled import CHANGEABLE, POLICIES
from seatguard_flask.cli.options import INSTANT
from seatguard_flask.cli.output import listing, show
from seatguard_flask.cli.session import Session, operation


@click.group()
def change() -> None:
    """Changes agreed on for later: schedule, list, cancel, apply what is due.

    A SERVICE is named by its number, the service_id of the API.
    """


@change.command()
@click.argument("service")
@click.argument("what", type=click.Choice(CHANGEABLE))
@click.argument("value", required=False)
@click.option("--at", type=INSTANT, required=True, help="From when on it is due.")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default="postpone",
    show_default=True,
    help="When more seats are taken then: wait until they fit, do it all the same, or give it up.",
)
@operation
def schedule(
    session: Session, service: str, what: str, value: str | None, at: dt.datetime, policy: str
) -> None:
    """Agree that a limit, plan, expiry or state becomes VALUE later.

    Without VALUE a limit becomes the plan's, and an expiry never.
    """
    number = int(value) if what == "limit" and value is not None and value.isdecimal() else value
    found = session.engine.changes.schedule(
        session.actor, session.service(service).id, what=what, value=number, at=at, policy=policy
    )
    show(_row(session, found), json=session.json)


@change.command("list")
@click.option("--service", help="Only changes of this service.")
@click.option("--state", type=click.Choice([one.value for one in ChangeState]), help="Only those in a state.")
@operation
def list_(session: Session, service: str | None, state: str | None) -> None:
    """All changes in the order they were agreed on."""
    of = None if service is None else session.service(service).id
    page = partial(session.engine.changes.list, session.actor, subscription_id=of, state=state)
    rows = [_row(session, one) for one in whole(page)]
    names = ["service_id", "what", "value", "at", "policy", "state", "reason", "id"]
    listing(names, rows, json=session.json, empty="no changes are scheduled")


@change.command()
@click.argument("identifier", metavar="ID")
@operation
def cancel(session: Session, identifier: str) -> None:
    """Call a change off."""
    show(_row(session, session.engine.changes.cancel(session.actor, identifier)), json=session.json)


@change.command("apply-due")
@operation
def apply_due(session: Session) -> None:
    """Make the changes that are due; run it from a timer, on as many machines as you like.

    Each is checked again under its policy. One that waits is told of once and tried again the next time.
    """
    rows = [_row(session, one) for one in session.engine.changes.apply_due(session.actor)]
    names = ["service_id", "what", "value", "at", "state", "reason", "id"]
    listing(names, rows, json=session.json, empty="nothing is due")


def _row(session: Session, one: ScheduledChange) -> dict[str, object]:
    return {
        "id": one.id,
        "service_id": session.engine.subscriptions.get(session.actor, one.subscription).number,
        "what": one.what,
        "value": one.value,
        "at": one.at.isoformat(),
        "policy": one.policy,
        "state": one.state.value,
        "reason": one.reason,
    }
