"""How we are, and what we can be asked. Needs no key."""

from __future__ import annotations

from seatguard.errors import Misconfigured, StorageUnavailable
from seatguard_flask import replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.problems import logger, problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.operations import Health, OpenApiDocument
from seatguard_flask.version import VERSION


def health(exchange: Exchange) -> Answer:
    """Live as long as it answers; ready when the store does."""
    durability: str | None = None
    retry_after = 1
    try:
        exchange.engine.ready()
        durability = exchange.engine.durability()
        ready = True
    except (StorageUnavailable, Misconfigured) as error:
        # The message may name hosts and files; that is for the log.
        logger.warning("not ready: %s", error, extra={"request_id": exchange.request_id})
        ready, retry_after = False, getattr(error, "retry_after", 30)
    body = {
        "status": "ok" if ready else "unavailable",
        "live": True,
        "ready": ready,
        "storage": {"kind": exchange.state.storage_kind, "reachable": ready},
        "gate": {"durability": durability},
        "version": VERSION,
    }
    headers = [] if ready else [("Retry-After", str(retry_after))]
    return replies.answer(200 if ready else 503, replies.encode(body), headers)


def openapi(exchange: Exchange) -> Answer:
    """The document that describes the API."""
    from seatguard_flask.openapi import document

    root = exchange.request.script_root
    return replies.answer(200, replies.encode(document(exchange.settings.url_prefix, server=root or "/")))


ROUTES = (
    Route(
        tag="operations",
        method="GET",
        rule="/health",
        name="health",
        handler=health,
        shape=problem_shape,
        summary="Is the service live and ready?",
        description="Load balancers read the status, people the rest.",
        answers=(
            Reply(status=200, description="Ready.", model=Health),
            Reply(status=503, description="Live, but the store does not answer.", model=Health),
        ),
        keyed=False,
    ),
    Route(
        tag="operations",
        method="GET",
        rule="/openapi.json",
        name="openapi",
        handler=openapi,
        shape=problem_shape,
        summary="This document.",
        answers=(Reply(status=200, description="OpenAPI 3.1.", model=OpenApiDocument),),
        keyed=False,
    ),
)
