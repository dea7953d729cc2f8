"""``seatguard demo``: something to look at, with data, in seconds."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

import click

from seatguard_flask.cli.exits import told
from seatguard_flask.cli.output import as_json as json_of
from seatguard_flask.cli.session import json_option
from seatguard_flask.settings import Settings

DEFAULT_PORT = 8000
ADMIN = "admin"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Port to listen on.  [default: 8000, or a free one]",
)
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Where to keep the demo's data.")
@json_option
def demo(host: str, port: int | None, data: Path | None, as_json: bool) -> None:
    """Start the API with sample data in a SQLite file, and tell what to try.

    A second start goes on with the same data. With --json the first line is one JSON object.
    """
    with told(as_json):
        from seatguard import InvalidInput
        from seatguard_flask.cli import sample, serving

        folder = _folder(data)
        config = {
            "SEATGUARD_STORAGE_URI": f"sqlite:///{folder / 'seats.db'}",
            "SEATGUARD_JOURNAL_KEY": _secret(folder / "journal-key", partial(secrets.token_hex, 32)),
        }
        settings = Settings.from_config(config)
        with closing(settings.open_engine(config["SEATGUARD_STORAGE_URI"])) as engine:
            shown = sample.prepare(engine, engine.actor("cli", "demo"), folder / "api-key")
            secret, account = None, None
            if serving.has_admin():
                secret = _secret(folder / "secret-key", partial(secrets.token_hex, 32))
                password = _secret(folder / "admin-password", partial(secrets.token_urlsafe, 15))
                sample.let_in(engine, engine.actor("cli", "demo"), ADMIN, password)
                account = {"admin_user": ADMIN, "admin_password": password}
        try:
            listener = serving.listen(host, DEFAULT_PORT if port is None else port)
        except InvalidInput:
            if port is not None:
                raise
            listener = serving.listen(host, 0)
        url = serving.url_of(listener)

        def ready() -> None:
            facts = {"url": url, **shown, "data": str(folder)}
            if account is not None:
                facts |= {"admin_url": f"{url}/seatguard/", **account}
            click.echo(
                json_of(facts)
                if as_json
                else _page(url, shown, folder, config["SEATGUARD_STORAGE_URI"], account)
            )

        serving.run(
            partial(serving.make_app, config, secret=secret), listener, workers=2, threads=4, ready=ready
        )


def _folder(data: Path | None) -> Path:
    """The demo's folder: the one that was named, else one of the user's own."""
    from seatguard import InvalidInput

    if data is not None and "?" in str(data):
        raise InvalidInput.single("data", "unusable", "must not hold a question mark")
    if data is None:
        base = os.environ.get("XDG_DATA_HOME", "")
        data = (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "seatguard-demo"
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return Path(tempfile.mkdtemp(prefix="seatguard-demo-"))
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "seats.db").open("a").close()
    except OSError as error:
        raise InvalidInput.single("data", "unwritable", f"{data} cannot be used: {error.strerror}") from error
    return data.resolve()


def _secret(path: Path, make: partial[str]) -> str:
    """What the file holds; made on first use, readable by the user alone."""
    from seatguard_flask.cli.sample import write_secret

    if not path.exists():
        write_secret(path, make())
    return path.read_text().strip()


def _page(
    url: str,
    shown: dict[str, str | int | None],
    folder: Path,
    storage: str,
    account: dict[str, str] | None,
) -> str:
    key, domain, service = shown["api_key"], shown["domain"], shown["service_id"]
    pages = ""
    if account is not None:
        pages = f"""
  The admin pages are at {url}/seatguard/

    name      {account["admin_user"]}
    password  {account["admin_password"]}
"""
    return f"""
  Seatguard is running at {url}                    stop it with Ctrl-C
{pages}
  {domain} has taken {shown["current"]} of the {shown["limit"]} seats of service {service}.

  May it create another user?

    curl -s {url}/api/v1/validate-subscription \\
      -H 'Content-Type: application/json' \\
      -d '{{"api_key": "{key}", "domain": "{domain}"}}'

  It has created one:

    curl -s {url}/api/v1/register-user \\
      -H 'Content-Type: application/json' \\
      -d '{{"api_key": "{key}", "domain": "{domain}",
           "username": "john_doe", "email": "john@example.com"}}'

  Look inside, from another terminal:

    export SEATGUARD_STORAGE_URI='{storage}'
    seatguard service list
    seatguard service limit {service} 46
    seatguard audit search --kind seat.

  The data is in {folder}
    seats.db     clients, seats and the journal; remove the folder to begin anew
    api-key      the key above, readable by you alone: Seatguard itself keeps only a hash of it
                 (admin-password and secret-key, too)
    journal-key  signs the journal's checkpoints

  The routes are described at {url}/api/v1/openapi.json
"""
