"""``seatguard seats``: who sits where."""

from __future__ import annotations

import datetime as dt
from functools import partial

import click

from seatguard import Decision, NotFound, Reason, SeatFacts, Where
from seatguard.manifest.paging import whole
from seatguard.seats.model import Seat
from seatguard.sentences import amount, sentence
from seatguard_flask.cli.exits import Exit
from seatguard_flask.cli.options import DURATION, mode_option, type_option
from seatguard_flask.cli.output import as_json, listing
from seatguard_flask.cli.session import Session, end, operation


@click.group()
def seats() -> None:
    """Seats: who sits, who holds, who waits.

    A PROJECT is named by its id, by its name if no other has it, or as client/project.
    """


@seats.command("list")
@click.argument("project")
@type_option
@mode_option
@operation
def list_(session: Session, project: str, type_: str | None, mode: str) -> None:
    """Who sits in a project, in the order they came."""
    where = _where(session, project, type_, mode)
    numbers = {
        service.id: service.number
        for service in whole(
            partial(session.engine.subscriptions.list, session.actor, project_id=where.project)
        )
    }
    found = whole(partial(session.engine.seats.list, session.actor, where))
    rows = [{**_row(seat), "service_id": numbers[seat.subscription]} for seat in found]
    names = ["username", "email", "state", "since", "until", "service_id"]
    listing(names, rows, json=session.json, empty="no seats are taken")


@seats.command()
@click.argument("project")
@click.argument("username")
@click.option("--email", help="Kept with the seat.")
@type_option
@mode_option
@operation
def take(
    session: Session, project: str, username: str, email: str | None, type_: str | None, mode: str
) -> None:
    """Give a user a seat. A user who has one keeps it; ends with 1 when there is none to give."""
    where = _where(session, project, type_, mode)
    _print(
        session,
        session.engine.seats.take(session.actor, where, username, email=email),
        "takes a seat",
        username,
    )


@seats.command()
@click.argument("project")
@click.argument("username")
@type_option
@mode_option
@operation
def release(session: Session, project: str, username: str, type_: str | None, mode: str) -> None:
    """Free a user's seat. A user without one is no error."""
    where = _where(session, project, type_, mode)
    _print(session, session.engine.seats.release(session.actor, where, username), "is released", username)


@seats.command()
@click.argument("project")
@click.argument("username")
@click.argument("to_username")
@click.option("--email", help="Of the user who gets the seat.")
@type_option
@mode_option
@operation
def transfer(
    session: Session,
    project: str,
    username: str,
    to_username: str,
    email: str | None,
    type_: str | None,
    mode: str,
) -> None:
    """Give a user's seat to another user in one step; at no moment is it free."""
    where = _where(session, project, type_, mode)
    decision = session.engine.seats.transfer(session.actor, where, username, to=to_username, email=email)
    _print(session, decision, f"gives the seat to {to_username}", username)


@seats.command()
@click.argument("project")
@click.argument("username")
@click.option("--for", "lasts", type=DURATION, required=True, help="How long: 90s, 30m, 24h or 14d.")
@click.option("--email", help="Kept with the seat.")
@type_option
@mode_option
@operation
def hold(
    session: Session,
    project: str,
    username: str,
    lasts: dt.timedelta,
    email: str | None,
    type_: str | None,
    mode: str,
) -> None:
    """Hold a seat for a user for a while: an invitation. Again for the same user it ends anew."""
    decision = session.engine.seats.hold(
        session.actor,
        _where(session, project, type_, mode),
        username,
        seconds=int(lasts.total_seconds()),
        email=email,
        anew=True,
    )
    _print(session, decision, "holds a seat", username)


@seats.command()
@click.argument("project")
@click.argument("username")
@click.option("--as", "to", metavar="USERNAME", help="Whose seat it becomes, if not of the same name.")
@mode_option
@operation
def confirm(session: Session, project: str, username: str, to: str | None, mode: str) -> None:
    """Turn a user's hold into a seat for good, of that user or, accepted, of another name."""
    where = _where(session, project, None, mode)
    seat = session.engine.seats.find(session.actor, where, username)
    if seat is None:
        raise NotFound("hold", username)
    decision = session.engine.seats.confirm_for(session.actor, where, seat.id, to or username)
    _print(session, decision, "takes a seat", to or username)


@seats.command()
@click.argument("project")
@type_option
@mode_option
@operation
def holds(session: Session, project: str, type_: str | None, mode: str) -> None:
    """Open holds and invitations of a project, the first to end first; at most 200."""
    where = _where(session, project, type_, mode)
    rows = [_row(seat) for seat in session.engine.seats.holds(session.actor, where, limit=200)]
    listing(["username", "email", "since", "until"], rows, json=session.json, empty="no seats are held")


@seats.command()
@click.argument("project")
@click.argument("username")
@click.option("--email", help="Kept with the place, and with the seat.")
@type_option
@mode_option
@operation
def wait(
    session: Session, project: str, username: str, email: str | None, type_: str | None, mode: str
) -> None:
    """Let a user wait for a seat. One who waits keeps the place; a free seat is offered at once."""
    where = _where(session, project, type_, mode)
    decision = session.engine.waiting.join(session.actor, where, username, email=email)
    place = decision.facts
    if session.json:
        click.echo(
            as_json(
                {
                    "allowed": decision.allowed,
                    "reason": decision.reason.value,
                    "ahead": None if place.waiting is None else place.ahead,
                    "seat": _row(place.seat) if place.seat else None,
                }
            )
        )
    elif place.waiting is not None:
        click.echo(f"{username} waits, {place.ahead} ahead")
    elif decision.reason is Reason.ALLOWED:
        click.echo(f"{username} is offered a seat until {place.seat.lapses_at if place.seat else None}")
    else:
        text = f"{decision.reason.value}: {sentence(decision)}"
        click.echo(text if decision.allowed else f"refused: {text}", err=not decision.allowed)
    end(Exit.OK if decision.allowed else Exit.FINDING)


@seats.command()
@click.argument("project")
@click.argument("username")
@mode_option
@operation
def leave(session: Session, project: str, username: str, mode: str) -> None:
    """Let a user wait no longer. One who does not wait is no error."""
    left = session.engine.waiting.leave(session.actor, _where(session, project, None, mode), username)
    text = f"{username} waits no longer" if left else f"{username} does not wait"
    click.echo(as_json({"left": left}) if session.json else text)


@seats.command()
@click.argument("project")
@mode_option
@operation
def waiting(session: Session, project: str, mode: str) -> None:
    """Who waits for a seat of a project, the first first."""
    where = _where(session, project, None, mode)
    found = whole(partial(session.engine.waiting.list, session.actor, where))
    rows: list[dict[str, object]] = [
        {
            "username": one.holder,
            "email": one.email,
            "type": one.type,
            "since": one.since.isoformat(timespec="seconds"),
        }
        for one in found
    ]
    listing(["username", "email", "type", "since"], rows, json=session.json, empty="nobody waits")


@seats.command()
@operation
def sweep(session: Session) -> None:
    """Clear away lapsed holds, offer free seats to those who wait, drop kept replies older than a day.

    Not needed for the limit: takers clear holds where they need room, and old replies answer nobody. Whoever
    waits for the seat of a lapsed hold waits for this, or for the next claim.
    """
    swept, purged = session.engine.seats.sweep(session.actor), 0
    session.engine.waiting.serve_all(session.actor)
    while went := session.engine.idempotency.purge(session.actor):
        purged += went
    if session.json:
        click.echo(as_json({"swept": swept, "purged": purged}))
    else:
        click.echo(f"{swept} lapsed holds and {purged} old replies cleared away")


def _where(session: Session, project: str, type_: str | None, mode: str) -> Where:
    return session.engine.where(session.project(project).id, mode=mode, type=type_)


def _print(session: Session, decision: Decision[SeatFacts], deed: str, username: str) -> None:
    facts = decision.facts
    if session.json:
        terms, seat = facts.terms, facts.seat
        click.echo(
            as_json(
                {
                    "allowed": decision.allowed,
                    "reason": decision.reason.value,
                    "service_id": terms.number if terms else None,
                    "limit": terms.limit if terms else None,
                    "current": facts.usage.live,
                    "held": facts.usage.held,
                    "seat": _row(seat) if seat else None,
                }
            )
        )
    elif decision.allowed and decision.reason.value == "allowed":
        cap = facts.terms.cap if facts.terms else None
        click.echo(f"{username} {deed}: {facts.usage.live} of {amount(cap)} taken")
    else:
        # What was so already is no refusal, and is told on standard output.
        text = f"{decision.reason.value}: {sentence(decision)}"
        click.echo(text if decision.allowed else f"refused: {text}", err=not decision.allowed)
    end(Exit.OK if decision.allowed else Exit.FINDING)


def _row(seat: Seat) -> dict[str, object]:
    return {
        "id": seat.id,
        "username": seat.holder,
        "email": seat.email,
        "state": seat.state.value,
        "since": seat.since.isoformat(timespec="seconds"),
        "until": seat.lapses_at.isoformat(timespec="seconds") if seat.lapses_at else None,
    }
