"""``seatguard service``: what was agreed about a project."""

from __future__ import annotations

import datetime as dt
from functools import partial

import click

from seatguard.manifest.model import NEVER
from seatguard.manifest.paging import whole
from seatguard.subscriptions.model import DEFAULT_TYPE, Subscription
from seatguard_flask.cli.options import DAY, LIMIT, mode_option
from seatguard_flask.cli.output import listing, show
from seatguard_flask.cli.session import Session, operation


@click.group()
def service() -> None:
    """Services: add, list, change the limit, renew, suspend, resume.

    A SERVICE is named by its number, the service_id of the API.
    """


@service.command()
@click.argument("project")
@click.option("--plan", metavar="SLUG", help="Take the limit from this plan.")
@click.option("--limit", type=LIMIT, help="A limit of its own, instead of a plan's.")
@click.option(
    "--type", "type_", default=DEFAULT_TYPE, show_default=True, help="By which callers tell several apart."
)
@mode_option
@click.option("--starts", metavar="YYYY-MM-DD", help="First day.  [default: at once]")
@click.option("--expiry", type=DAY, default=NEVER, show_default=True, help="Last day, included.")
@click.option("--timezone", default="UTC", show_default=True, help="IANA zone of both days.")
@click.option(
    "--grace-days",
    type=int,
    default=0,
    show_default=True,
    help="Days after the last in which seats are given.",
)
@click.option("--overage", default="hard", show_default=True, help="hard, +5, +10% or unlimited.")
@click.option("--trial", is_flag=True, help="Begin as a trial.")
@operation
def add(
    session: Session,
    project: str,
    plan: str | None,
    limit: int | str | None,
    type_: str,
    mode: str,
    starts: str | None,
    expiry: dt.date | str,
    timezone: str,
    grace_days: int,
    overage: str,
    trial: bool,
) -> None:
    """Put a project on a plan, or give it a limit of its own."""
    added = session.engine.subscriptions.add(
        session.actor,
        session.project(project).id,
        plan=plan,
        limit=limit if isinstance(limit, int) else None,
        unlimited=isinstance(limit, str),
        type=type_,
        mode=mode,
        starts=starts,
        expiry=_date(expiry),
        timezone=timezone,
        grace_days=grace_days,
        overage=overage,
        trial=trial,
    )
    _show(session, added)


@service.command("list")
@click.option("--project", help="Only services of this project.")
@operation
def list_(session: Session, project: str | None) -> None:
    """All services with their numbers."""
    of = None if project is None else session.project(project).id
    found = whole(partial(session.engine.subscriptions.list, session.actor, project_id=of))
    rows = [_row(session, one) for one in found]
    names = ["service_id", "project", "type", "mode", "limit", "current", "held", "expiry", "state"]
    listing(names, rows, json=session.json, empty="no services yet")


@service.command()
@click.argument("service")
@click.argument("limit", type=LIMIT, required=False)
@click.option("--of-plan", is_flag=True, help="Go back to the plan's limit.")
@click.option(
    "--over-limit",
    type=click.Choice(["refuse", "allow"]),
    default="refuse",
    show_default=True,
    help="When more seats are taken: refuse, or keep the users and give no new seats.",
)
@operation
def limit(session: Session, service: str, limit: int | str | None, of_plan: bool, over_limit: str) -> None:
    """Give a service another limit: a number, or "unlimited"."""
    if (limit is None) is not of_plan:
        raise click.UsageError("give a limit, or --of-plan")
    found = session.service(service)
    session.engine.subscriptions.change_limit(
        session.actor,
        found.id,
        limit=limit if isinstance(limit, int) else None,
        unlimited=isinstance(limit, str),
        over_limit=over_limit,
    ).require()
    _show(session, session.engine.subscriptions.get(session.actor, found.id))


@service.command()
@click.argument("service")
@click.argument("expiry", type=DAY)
@operation
def renew(session: Session, service: str, expiry: dt.date | str) -> None:
    """Give a service another last day."""
    found = session.service(service)
    _show(session, session.engine.subscriptions.renew(session.actor, found.id, expiry=_date(expiry)))


@service.command()
@click.argument("service")
@operation
def suspend(session: Session, service: str) -> None:
    """Give no new seats until resumed. Users stay."""
    _show(session, session.engine.subscriptions.suspend(session.actor, session.service(service).id))


@service.command()
@click.argument("service")
@operation
def resume(session: Session, service: str) -> None:
    """Give seats again."""
    _show(session, session.engine.subscriptions.resume(session.actor, session.service(service).id))


def _date(day: dt.date | str) -> dt.date | None:
    return day if isinstance(day, dt.date) else None


def _show(session: Session, one: Subscription) -> None:
    show(_row(session, one), json=session.json)


def _row(session: Session, one: Subscription) -> dict[str, object]:
    usage = session.engine.seats.usage(session.actor, one.id)
    return {
        "service_id": one.number,
        "id": one.id,
        "project": session.full_name(session.engine.projects.get(session.actor, one.project)),
        "type": one.type,
        "mode": one.mode,
        "limit": one.limit,
        "cap": one.cap,
        "current": usage.live,
        "held": usage.held,
        "starts": one.starts_on,
        "expiry": one.expires_on,
        "timezone": one.timezone,
        "state": one.state.value,
    }
