"""``seatguard serve``: the API as a service of its own."""

from __future__ import annotations

import os
from functools import partial

import click

from seatguard import Misconfigured
from seatguard_flask.cli.exits import told
from seatguard_flask.cli.output import as_json as json_of
from seatguard_flask.cli.session import config_for, json_option, storage_option, storage_uri
from seatguard_flask.settings import Settings


@click.command()
@storage_option
@click.option(
    "--gate", metavar="URI", help="A gate of its own.  [default: $SEATGUARD_GATE_URI, else the storage's]"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is all.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 is any free one."
)
@click.option("--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes.")
@click.option("--threads", type=click.IntRange(1, 256), default=8, show_default=True, help="Threads of each.")
@click.option(
    "--admin", is_flag=True, help="Serve the admin pages at /seatguard too; needs the variable SECRET_KEY."
)
@json_option
def serve(
    storage: str | None,
    gate: str | None,
    host: str,
    port: int,
    workers: int,
    threads: int,
    admin: bool,
    as_json: bool,
) -> None:
    """Serve the API with gunicorn until stopped.

    Needs the extra "server". The other settings are read from the environment (SEATGUARD_...).
    """
    with told(as_json):
        from seatguard_flask.cli import serving

        if not serving.has_gunicorn():
            raise Misconfigured("serve needs gunicorn: run pip install 'seatguard[server]'")
        config = config_for(storage, gate=gate)
        settings = Settings.from_config(config)
        secret = _secret() if admin else None
        if admin:
            serving.make_app(config, secret=secret)  # refuses a weak secret before anything listens
        serving.check(storage_uri(settings), settings, workers=workers)
        listener = serving.listen(host, port)
        url = serving.url_of(listener)

        def ready() -> None:
            facts = {"url": url, "workers": workers, "threads": threads}
            told_of = f"Seatguard serves its API at {url} (stop with Ctrl-C)."
            if admin:
                facts["admin_url"] = f"{url}/seatguard/"
                told_of += f" The admin pages are at {url}/seatguard/"
            click.echo(json_of(facts) if as_json else told_of)

        serving.run(
            partial(serving.make_app, config, secret=secret),
            listener,
            workers=workers,
            threads=threads,
            ready=ready,
        )


def _secret() -> str:
    secret = os.environ.get("SECRET_KEY")
    if not secret:
        raise Misconfigured(
            "the admin pages need a secret that signs sessions: set the variable SECRET_KEY to the output of"
            " python -c 'import secrets; print(secrets.token_hex(32))' and keep it the same over restarts"
        )
    return secret
