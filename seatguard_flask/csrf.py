"""Getting along with a host's CSRF protection."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, request_started


def exempt(app: Flask, blueprints: list[Blueprint]) -> None:
    """Take blueprints that identify their callers by key, not by cookie, out of Flask-WTF's protection.

    A host-wide ``CSRFProtect`` would refuse every POST of a service that has no session. It may be set
    up before or after Seatguard, so the first request is the moment to look; its signal comes before
    any ``before_request``. Nothing happens in an app without Flask-WTF.
    """

    def at_first_request(sender: Flask, **_: Any) -> None:
        protection = sender.extensions.get("csrf")
        if protection is not None and hasattr(protection, "exempt"):
            for blueprint in blueprints:
                protection.exempt(blueprint)
        # Only now: a second request may be in this receiver at the same time, and must not overtake.
        request_started.disconnect(at_first_request, sender)

    request_started.connect(at_first_request, app, weak=False)
