"""``flask seatguard doctor``: what is wrong with the set-up."""

from __future__ import annotations

import os

import click

from seatguard.errors import InvalidInput
from seatguard_flask.cli import output
from seatguard_flask.cli.exits import Exit, told
from seatguard_flask.cli.reconcile import application, instances
from seatguard_flask.cli.session import end, json_option


@click.command()
@click.option("--fix", is_flag=True, help="Repair counters and clear ended holds away; the rest is for you.")
@click.option("--ignore", metavar="CHECK", multiple=True, help="Leave a check out; may be given again.")
@json_option
def doctor(as_json: bool, fix: bool, ignore: tuple[str, ...]) -> None:
    """Look for what is known to go wrong. Ends with 1 on a finding, fixed or not.

    Runs inside the application: `flask --app shop seatguard doctor`, with the environment of the server.
    """
    with told(as_json):
        app = application("doctor")
        from seatguard_flask.doctor import CHECKS, examine

        unknown = [one for one in ignore if one not in CHECKS]
        if unknown:
            raise InvalidInput.single(
                "ignore", "unknown", f"{unknown[0]!r} is no check: there are " + ", ".join(CHECKS)
            )
        with app.app_context():
            found = examine(app, instances(app), os.environ, ignore=ignore, fix=fix)
    rows = [
        {"instance": instance, "check": check, "problem": one.problem, "cure": one.cure, "fixed": one.fixed}
        for instance, check, one in found
    ]
    if as_json:
        click.echo(output.as_json({"ok": not rows, "checks": [*CHECKS], "findings": rows}))
    elif not rows:
        click.echo(f"Nothing was found by {len(CHECKS) - len(set(ignore))} checks.")
    else:
        several = len({row["instance"] for row in rows}) > 1
        click.echo("\n".join(_text(row, several=several) for row in rows))
    end(Exit.FINDING if rows else Exit.OK)


def _text(row: dict[str, object], *, several: bool) -> str:
    name = f"{row['instance']}: {row['check']}" if several else f"{row['check']}"
    cure = "fixed" if row["fixed"] else row["cure"]
    return f"{name}: {row['problem']}" + (f"\n  {cure}" if cure else "")
