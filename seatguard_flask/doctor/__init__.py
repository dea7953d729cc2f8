"""The doctor: what is known to go wrong in set-ups like this one, looked for in this one.

A check is a function of the patient that yields what it found: :mod:`.configuration` reads the app,
:mod:`.serving` asks how the app is reached, :mod:`.storing` asks the store. It guesses where it must, so any
check can be left out by its name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from seatguard_flask.doctor import configuration, serving, storing
from seatguard_flask.doctor.patient import Check, Found, Patient

if TYPE_CHECKING:
    from flask import Flask

    from seatguard_flask.extension import Seatguard

CHECKS: Mapping[str, Check] = {
    "memory": configuration.memory,
    "switches": configuration.switches,
    "secret_key": configuration.secret_key,
    "cookies": configuration.cookies,
    "sqlite_file": configuration.sqlite_file,
    "alembic": configuration.alembic,
    "csrf": serving.csrf,
    "hosts": serving.hosts,
    "proxy": serving.proxy,
    "storage": storing.storage,
    "clock": storing.clock,
    "drift": storing.drift,
    "holds": storing.holds,
}
"""What is looked for, by name, in this order."""


def examine(
    app: Flask,
    instances: Collection[Seatguard],
    environ: Mapping[str, str],
    *,
    ignore: Collection[str] = (),
    fix: bool = False,
) -> list[tuple[str, str, Found]]:
    """Look for everything that is known to go wrong. Call it within the app's context.

    Args:
        environ: variables of the process that serves the app, as far as they are known.
        ignore: names of checks to leave out.
        fix: put right what can be put right safely: counters, and holds that have ended.

    Returns:
        what was found, each with the names of the instance and of the check.
    """
    found = []
    for seats in instances:
        patient = Patient(app, seats, environ, fix=fix)
        for name, check in CHECKS.items():
            if name in ignore or (check in storing.NEED_THE_STORE and not patient.store_answers):
                continue
            found += [(seats.name, name, one) for one in check(patient)]
    return found
