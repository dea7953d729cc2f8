"""``seatguard audit`` and ``seatguard verify``: what is on record, and whether it holds."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from seatguard.errors import InvalidInput
from seatguard.journal.model import Entry, Finding
from seatguard.journal.ports import Search
from seatguard.sentences import sentence
from seatguard_flask.cli.exits import Exit
from seatguard_flask.cli.options import INSTANT
from seatguard_flask.cli.output import as_json, columns, listing
from seatguard_flask.cli.session import Session, end, operation


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--until", type=INSTANT, help="First time no longer included."),
        click.option("--since", type=INSTANT, help="First time included."),
        click.option("--user", metavar="USERNAME", help="Entries about this user."),
        click.option("--actor", help="Who did it, such as key:sg_live_AbCd."),
        click.option("--subject", metavar="ID", help="What it was done to."),
        click.option("--stream", metavar="ID", help="One client, project, plan or service."),
        click.option("--kind", help='Such as seat.taken; "seat." means all that begin so.'),
    ):
        command = option(command)
    return command


def _file(
    *names: str, help: str, multiple: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option(*names, type=path, multiple=multiple, metavar="FILE", help=help)


_of_archive = _file("--from", "file", help="Look into this archive in place of the database.")


@click.group()
def audit() -> None:
    """The journal: verify, search, export, sign, erase a person."""


@audit.command()
@_file("--archive", "files", multiple=True, help="Check this archive as well; may be given several times.")
@operation
def verify(session: Session, files: tuple[Path, ...]) -> None:
    """Check the chain of every record, and the signed checkpoints when SEATGUARD_JOURNAL_KEY is set.

    Ends with 1 on a finding and names the first bad entry of each record.
    """
    findings = list(session.engine.journal.verify(session.actor))
    findings += session.engine.archives.verify(session.actor, files)
    older = session.engine.archives.newest(session.actor)
    checkpoint = session.engine.journal.last_checkpoint(session.actor)
    signed = session.settings.journal_key is not None
    if session.json:
        click.echo(
            as_json(
                {
                    "ok": not findings,
                    "findings": [_finding(one) for one in findings],
                    "checkpoints_checked": signed,
                    "last_checkpoint": checkpoint
                    and {"number": checkpoint.number, "at": checkpoint.at.isoformat(timespec="seconds")},
                }
            )
        )
        end(Exit.FINDING if findings else Exit.OK)
        return
    if findings:
        first = findings[0]
        place = f"entry {first.entry}" if first.entry else f"place {first.seq}"
        owner = first.aggregate or first.what.partition("_")[0]
        click.echo(f"The journal does not hold. First bad: {place} of {owner} {first.stream}\n")
        rows = [_finding(one) for one in findings]
        click.echo(columns(["what", "aggregate", "stream", "seq", "entry"], rows, empty=""))
    else:
        click.echo("The journal holds: every chain is whole.")
    if older is not None and not files:
        click.echo(
            f"Entries before {older.before:%Y-%m-%d} are archived and were not checked: add --archive FILE."
        )
    if not signed:
        click.echo("Checkpoints were not checked: set SEATGUARD_JOURNAL_KEY to find rewritten history too.")
    elif checkpoint is None:
        click.echo("There is no checkpoint yet: `seatguard audit checkpoint` signs one.")
    else:
        click.echo(f"Last checkpoint: number {checkpoint.number} of {checkpoint.at:%Y-%m-%d %H:%M:%S} UTC.")
    end(Exit.FINDING if findings else Exit.OK)


@audit.command()
@_filters
@_of_archive
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many.")
@click.option("--oldest-first", is_flag=True, help="Begin at the beginning.")
@operation
def search(session: Session, /, limit: int, oldest_first: bool, file: Path | None, **filters: Any) -> None:
    """Entries that match, the newest first; those of an archive, record by record."""
    found = _archived(session, filters, file) if file else _found(session, filters, oldest_first)
    rows = [_entry(one) for one in itertools.islice(found, limit)]
    table = [{**row, "at": row["at"][:19], "what": _brief(row)} for row in rows]
    if session.json:
        listing([], rows, json=True, empty="")
    else:
        listing(["at", "kind", "actor", "what"], table, json=False, empty="no entries match")
        older = session.engine.archives.newest(session.actor)
        if older is not None and file is None and len(rows) < limit:
            click.echo(f"Entries before {older.before:%Y-%m-%d} are archived: look there with --from FILE.")


@audit.command()
@_filters
@_of_archive
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file.  [default: standard output]"
)
@operation
def export(session: Session, /, output: Path | None, file: Path | None, **filters: Any) -> None:
    """Matching entries as JSON lines, oldest first. The export itself is put on record; a file's is not."""
    entries = (
        _archived(session, filters, file)
        if file
        else session.engine.journal.export(session.actor, _search(session, filters))
    )
    lines = (as_json(_entry(entry)) + "\n" for entry in entries)
    if output is None:
        for line in lines:
            click.echo(line, nl=False)
        return
    try:
        with output.open("w", encoding="utf-8") as made:
            count = sum(1 for line in lines if made.write(line))
    except OSError as error:
        raise InvalidInput.single("output", "unwritable", f"cannot be written: {error.strerror}") from error
    click.echo(as_json({"entries": count}) if session.json else f"{count} entries written to {output}")


@audit.command()
@operation
def checkpoint(session: Session) -> None:
    """Sign where the records stand now, with SEATGUARD_JOURNAL_KEY."""
    signed = session.engine.journal.checkpoint(session.actor)
    if session.json:
        click.echo(
            as_json(
                {"number": signed.number if signed else None, "heads": len(signed.heads) if signed else 0}
            )
        )
    elif signed is None:
        click.echo("Nothing has moved since the last checkpoint.")
    else:
        click.echo(f"Checkpoint {signed.number} signed: {len(signed.heads)} records.")


@audit.command()
@click.argument("username")
@_file("--archive", "files", multiple=True, help="Out of this archive as well; may be given several times.")
@operation
def erase(session: Session, username: str, files: tuple[Path, ...]) -> None:
    """Drop a user's name and e-mail from the journal. The chain stays whole; release the user first.

    An archive is a file that only this command, given its name, can change: name each of them.
    """
    engine = session.engine
    decision = engine.erase_person(session.actor, username)
    archived = 0
    if decision.allowed:
        holder = engine.seats.holder_key(username)
        archived = sum(engine.archives.erase(session.actor, holder, file) for file in files)
    if session.json:
        facts = {"erased": decision.allowed, "reason": decision.reason.value, **decision.facts}
        click.echo(as_json(facts | ({"archived": archived} if files else {})))
    elif decision.allowed:
        click.echo(f"{decision.facts['entries'] + archived} entries no longer name {username}")
        if not files and engine.archives.newest(session.actor) is not None:
            click.echo("Archives may name them still: repeat with --archive FILE for each.")
    else:
        click.echo(f"refused: {decision.reason.value}: {sentence(decision)}", err=True)
    end(Exit.OK if decision.allowed else Exit.FINDING)


@click.command("verify")
@click.option("--repair", is_flag=True, help="Set wrong counters to what the seats say, on record.")
@operation
def verify_counters(session: Session, repair: bool) -> None:
    """Compare the counter of every service with its seats. Ends with 1 when one is wrong."""
    rows = []
    for drift in session.engine.verify(session.actor, repair=repair):
        service = session.engine.subscriptions.get(session.actor, drift.subscription)
        project = session.engine.projects.get(session.actor, service.project)
        rows.append(
            {
                "service_id": service.number,
                "project": session.full_name(project),
                "counter": drift.counted[0],
                "seats": drift.rows[0],
                "held_counter": drift.counted[1],
                "held_seats": drift.rows[1],
                "repaired": drift.repaired,
            }
        )
    names = ["service_id", "project", "counter", "seats", "held_counter", "held_seats", "repaired"]
    if session.json:
        click.echo(as_json({"ok": not rows, "findings": rows}))
    else:
        click.echo(columns(names, rows, empty="Every counter agrees with its seats."))
    end(Exit.FINDING if rows else Exit.OK)


def _search(session: Session, filters: dict[str, Any]) -> Search:
    user: str | None = filters.pop("user")
    digest = None if user is None else session.engine.person(session.actor, user)
    return Search(person=digest, **filters)


def _found(session: Session, filters: dict[str, Any], oldest_first: bool) -> Iterator[Entry]:
    wanted = _search(session, filters)
    after: str | None = None
    while True:
        page = session.engine.journal.search(
            session.actor, wanted, limit=200, after=after, newest_first=not oldest_first
        )
        yield from page.items
        if page.after is None:
            return
        after = page.after


def _archived(session: Session, filters: dict[str, Any], file: Path) -> Iterator[Entry]:
    return session.engine.archives.search(session.actor, file, _search(session, filters))


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "what": finding.what,
        "aggregate": finding.aggregate,
        "stream": finding.stream,
        "seq": finding.seq,
        "entry": finding.entry,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": _utc(entry.at),
        "actor": entry.actor,
        "kind": entry.kind,
        "aggregate": entry.aggregate,
        "stream": entry.stream,
        "seq": entry.seq,
        "subject": entry.subject,
        "request_id": entry.request_id,
        "data": dict(entry.data),
        "person": None if entry.erasable is None else dict(entry.erasable),
        "link": entry.link.hex(),
    }


def _brief(row: dict[str, Any]) -> str:
    """The facts of an entry in one line of a terminal; all of them are in the JSON."""
    facts = {**(row["person"] or {}), **row["data"]}
    text = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    return text if len(text) <= 80 else text[:79] + "…"


def _utc(instant: dt.datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
