"""``flask seatguard reconcile``: the register against the application's own user table."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from seatguard.errors import InvalidInput, Misconfigured
from seatguard_flask.cli import output
from seatguard_flask.cli.exits import Exit, told
from seatguard_flask.cli.options import DURATION
from seatguard_flask.cli.session import end, host_app, json_option

if TYPE_CHECKING:
    from flask import Flask

    from seatguard_flask.extension import Seatguard
    from seatguard_flask.reconciling import Finding, Report


@click.command()
@click.option("--model", metavar="MODULE:CLASS", help="One user model.  [default: every guarded one]")
@click.option("--project", help="Of the model's users, by name or id, where it is not guarded.")
@click.option("--subject", metavar="ATTRIBUTE", help="That names a user, where the model is not guarded.")
@click.option("--counts", metavar="ATTRIBUTE", help="That tells whether a user needs a seat.")
@click.option(
    "--session", "session", metavar="MODULE:NAME", help="Makes a session, without Flask-SQLAlchemy."
)
@click.option("--also", metavar="PROJECT", multiple=True, help="Look there too; for one without any user.")
@click.option("--grace", type=DURATION, default="60s", show_default=True, help="Leave younger seats alone.")
@click.option("--repair", is_flag=True, help="Bring the register in line with the table, on record.")
@json_option
def reconcile(as_json: bool, **options: Any) -> None:
    """Compare seats and user rows. Ends with 1 on a finding, repaired or not; repairs only with --repair.

    Runs inside the application: `flask --app shop seatguard reconcile`. The table decides; nobody is evicted.
    """
    with told(as_json):
        app = application("reconcile")
        with app.app_context():
            reports = list(_reports(app, **options))
    _print([one for report in reports for one in report.findings], reports, json=as_json)
    end(Exit.OK if all(report.ok for report in reports) else Exit.FINDING)


def application(command: str) -> Flask:
    """The application under whose ``flask`` command this one runs.

    Raises:
        Misconfigured: there is none.
    """
    app = host_app()
    if app is None:
        raise Misconfigured(
            f"{command} looks into an application: run it as `flask --app your_app seatguard {command}`"
        )
    return app


def instances(app: Flask) -> list[Seatguard]:
    """The app's instances of the extension."""
    from seatguard_flask.extension import INSTANCES

    found: dict[str, Seatguard] = app.extensions.get(INSTANCES, {})
    return list(found.values())


def _reports(
    app: Flask,
    *,
    model: str | None,
    project: str | None,
    subject: str | None,
    counts: str | None,
    session: str | None,
    also: tuple[str, ...],
    grace: dt.timedelta,
    repair: bool,
) -> list[Report]:
    found = instances(app)
    one = None if model is None else _imported("model", model)
    guarding = [
        seats
        for seats in found
        if (any(guard.meaning.model is one for guard in seats.model_guards) if one else seats.model_guards)
    ]
    chosen = guarding or found[:1]
    if not chosen or (one is None and not guarding):
        raise Misconfigured("no model is guarded in this app: name one with --model, --project and --subject")
    made = None if session is None else _imported("session", session)
    opened = made() if callable(made) else made
    try:
        return [
            seats.reconcile(
                one,
                project=project,
                subject=subject,
                counts=counts,
                projects=also,
                session=opened,
                repair=repair,
                grace=grace.total_seconds(),
            )
            for seats in chosen
        ]
    finally:
        if opened is not None:
            opened.close()


def _imported(option: str, path: str) -> Any:
    module, colon, name = path.partition(":")
    if not colon:
        raise InvalidInput.single(
            option, "invalid_path", f"{path!r} names nothing: write package.module:Name"
        )
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InvalidInput.single(option, "not_importable", f"{path!r} cannot be had: {error}") from error
    return found


def _print(findings: list[Finding], reports: list[Report], *, json: bool) -> None:
    numbers = {
        name: sum(getattr(report, name) for report in reports) for name in ("users", "counting", "seats")
    }
    if json:
        click.echo(
            output.as_json({"ok": not findings, **numbers, "findings": [_row(one) for one in findings]})
        )
        return
    names = ["kind", "project", "subject", "row", "outcome", "reason"]
    click.echo(output.columns(names, [_row(one) for one in findings], empty="Every seat has its user."))
    click.echo(f"\n{numbers['users']} users, {numbers['counting']} of them count; {numbers['seats']} seats")


def _row(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind.value,
        "project": finding.project,
        "subject": finding.subject,
        "row": None if finding.row is None else list(finding.row),
        "found_in": finding.found_in,
        "outcome": finding.outcome.value,
        "reason": finding.reason,
    }
