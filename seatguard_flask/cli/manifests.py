"""``seatguard apply`` and ``seatguard export``."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from seatguard.errors import SeatguardError
from seatguard.manifest import Change, Manifest, Report, from_json, from_toml, read, to_json, to_toml
from seatguard.manifest import apply as apply_manifest
from seatguard.manifest import export as export_manifest
from seatguard_flask.cli.exits import Exit
from seatguard_flask.cli.output import as_json, columns
from seatguard_flask.cli.session import Session, end, operation


@click.command()
@click.argument("file")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@operation
def apply(session: Session, file: str, dry_run: bool) -> None:
    """Make the store as FILE says: plans, clients, projects, services, users.

    FILE is TOML or JSON by its suffix; "-" reads standard input. Applying twice changes nothing the
    second time, and nothing is ever removed. Keys that are made are printed once, here and now.
    Ends with 1 when something was refused; the rest is done.
    """
    manifest = _read(file)
    report = Report()
    try:
        apply_manifest(session.engine, session.actor, manifest, dry_run=dry_run, report=report)
    except SeatguardError:
        _print(report, json=session.json)  # the keys made so far are shown now or never
        raise
    _print(report, json=session.json)
    end(Exit.OK if report.ok else Exit.FINDING)


@click.command()
@click.option(
    "--format",
    "format_",
    type=click.Choice(["toml", "json"]),
    default=None,
    help="[default: toml; json with --json]",
)
@operation
def export(session: Session, format_: str | None) -> None:
    """Print everything agreed on as a file for "seatguard apply". Keys are not in it."""
    wanted = format_ or ("json" if session.json else "toml")
    text = {"toml": to_toml, "json": to_json}[wanted](export_manifest(session.engine, session.actor))
    click.echo(text, nl=False)


def _read(file: str) -> Manifest:
    if file != "-":
        return read(Path(file))
    text = sys.stdin.read()
    parse = from_json if text.lstrip().startswith("{") else from_toml
    return parse(text, name="standard input")


def _print(report: Report, *, json: bool) -> None:
    if json:
        click.echo(
            as_json(
                {
                    "dry_run": report.dry_run,
                    "changes": [dataclasses.asdict(change) for change in report.changes],
                    "refusals": [dataclasses.asdict(refusal) for refusal in report.refusals],
                    "kept": [dataclasses.asdict(kept) for kept in report.kept],
                    "new_keys": [
                        {"project": key.subject, "prefix": key.prefix, "api_key": key.secret.reveal()}
                        for key in report.new_keys
                    ],
                }
            )
        )
        return
    blocks = []
    if report.changes:
        rows = [{"change": one.what, "of": one.subject, "to": _arrow(one)} for one in report.changes]
        blocks.append(columns(["change", "of", "to"], rows, empty=""))
    if report.kept:
        blocks.append("\n".join(f"kept     {one.subject}: {one.message}" for one in report.kept))
    if report.refusals:
        blocks.append(
            "\n".join(
                f"refused  {one.what}: {one.subject}: {one.message} [{one.code}]" for one in report.refusals
            )
        )
    if report.new_keys:
        rows = [{"project": key.subject, "api key": key.secret.reveal()} for key in report.new_keys]
        blocks.append("New keys, shown this once:\n" + columns(["project", "api key"], rows, empty=""))
    verb = "would be made" if report.dry_run else "made"
    blocks.append(f"{len(report.changes)} changes {verb}, {len(report.refusals)} refused")
    click.echo("\n\n".join(blocks))


def _arrow(change: Change) -> str:
    text = change.after or ""
    if change.before is not None:
        text = f"{change.before} -> {text or 'nothing'}"
    if change.touches is None:
        return text
    return f"{text} ({change.touches} subscription{'' if change.touches == 1 else 's'})"
