"""``seatguard service``: what was agreed about a project."""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import partial

import click

from seatguard.manifest.model import NEVER
from seatguard.manifest.paging import whole
from seatguard.records import KEEP
from seatguard.subscriptions.model import DEFAULT_TYPE, Subscription
from seatguard_flask.cli.options import DAY, INSTANT, LIMIT, mode_option
from seatguard_flask.cli.output import listing, show
from seatguard_flask.cli.session import Session, operation

_over_limit = click.option(
    "--over-limit",
    type=click.Choice(["refuse", "allow"]),
    default="refuse",
    show_default=True,
    help="When more seats are taken: refuse, or keep the users and give no new seats.",
)


@click.group()
def service() -> None:
    """Services: add, list, change limit, terms and add-ons, renew, suspend, resume.

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
@click.option("--trial/--no-trial", default=None, help="Begin as a trial.  [default: as the plan says]")
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
    trial: bool | None,
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
@_over_limit
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


@service.command()
@click.argument("service")
@click.option("--overage", help="hard, +5, +10% or unlimited.")
@click.option("--starts", metavar="YYYY-MM-DD", help="First day.")
@click.option("--timezone", help="IANA zone of both days.")
@click.option("--grace-days", type=int, help="Days after the last in which seats are given.")
@_over_limit
@operation
def terms(
    session: Session,
    service: str,
    overage: str | None,
    starts: str | None,
    timezone: str | None,
    grace_days: int | None,
    over_limit: str,
) -> None:
    """Give a service another overage, first day, time zone or days of grace; what is left out stays."""
    found = session.service(service)
    session.engine.subscriptions.change_terms(
        session.actor,
        found.id,
        overage=KEEP if overage is None else overage,
        starts=KEEP if starts is None else starts,
        timezone=KEEP if timezone is None else timezone,
        grace_days=KEEP if grace_days is None else grace_days,
        over_limit=over_limit,
    ).require()
    _show(session, session.engine.subscriptions.get(session.actor, found.id))


@service.command()
@click.argument("service")
@click.argument("slug")
@click.argument("quantity", type=click.IntRange(min=0))
@_over_limit
@operation
def addon(session: Session, service: str, slug: str, quantity: int, over_limit: str) -> None:
    """Give a service so many of the add-on SLUG; 0 takes it off."""
    found = session.service(service)
    session.engine.subscriptions.set_addon(
        session.actor, found.id, slug, quantity=quantity, over_limit=over_limit
    ).require()
    _show(session, session.engine.subscriptions.get(session.actor, found.id))


@service.command("what-if")
@click.argument("service")
@click.option("--limit", type=LIMIT, help='Another limit: a number, or "unlimited".')
@click.option("--plan", metavar="SLUG", help="Another plan.")
@click.option("--expiry", type=DAY, help="Another last day.")
@click.option(
    "--since", type=INSTANT, help="Look at the history from here on.  [default: from its beginning]"
)
@operation
def what_if(
    session: Session,
    service: str,
    limit: int | str | None,
    plan: str | None,
    expiry: dt.date | str | None,
    since: dt.datetime | None,
) -> None:
    """What another agreement would mean for the seats of today, and would have meant before."""
    found = session.service(service)
    report = session.engine.subscriptions.what_if(
        session.actor,
        found.id,
        limit=KEEP if limit is None else limit,
        plan=KEEP if plan is None else plan,
        expiry=KEEP if expiry is None else _date(expiry),
        since=since,
    )
    facts: dict[str, object] = {"service_id": found.number, **dataclasses.asdict(report)}
    facts["since"], facts["first_refused"] = _told(report.since), _told(report.first_refused)
    months = ", ".join(f"{month}: {count}" for month, count in report.refused_by_month.items())
    facts["refused_by_month"] = dict(report.refused_by_month) if session.json else months or None
    show(facts, json=session.json)


def _told(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


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
