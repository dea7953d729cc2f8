"""What keeps the pages the administrator's own: the token in every form, the origin, and the headers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms.validators import ValidationError

from seatguard.errors import Misconfigured

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of the pages."""

MIN_SECRET = 32
_PLACEHOLDERS = (
    b"changeme",
    b"change-me",
    b"change_me",
    b"your-secret",
    b"secret-key",
    b"secret_key",
    b"insecure",
)


class ForgedRequest(Exception):
    """A form came without its token, or from another site."""


def strong_secret(app: Flask) -> None:
    """Refuse an app whose sessions could be forged.

    Raises:
        Misconfigured: ``SECRET_KEY`` is missing, short, or a placeholder.
    """
    given = app.config.get("SECRET_KEY")
    secret = given.encode() if isinstance(given, str) else given
    if not isinstance(secret, bytes):
        secret = b""
    weak = len(secret) < MIN_SECRET or len(set(secret)) < 8
    if weak or any(word in secret.lower() for word in _PLACEHOLDERS):
        raise Misconfigured(
            f"the admin pages need a SECRET_KEY of {MIN_SECRET} random bytes or more, because whoever knows"
            " it can forge a session; make one with: python -c 'import secrets; print(secrets.token_hex(32))'"
        )


def token() -> str:
    """The token that a form of this session carries."""
    made: str = generate_csrf()
    return made


def check(request: Request) -> None:
    """Refuse a change that another site has made the browser send.

    Raises:
        ForgedRequest: wrong or missing token, or another origin.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForgedRequest
    origin = request.headers.get("Origin")
    if origin is not None and origin != "null" and urlsplit(origin).netloc != request.host:
        raise ForgedRequest
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError as error:
        raise ForgedRequest from error


def finish(response: Response, request_id: str, *, policy: str | None) -> Response:
    """The answer with its protection and the request's id."""
    headers: dict[str, Any] = {
        "Cache-Control": "private, no-store",
        "Vary": "X-SG-Partial, Cookie",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Request-Id": request_id,
    }
    if policy is not None:
        headers["Content-Security-Policy"] = policy
    response.headers.update(headers)
    return response
