"""The API as data: what each route asks and answers. Blueprints and the OpenAPI document are made from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException, MethodNotAllowed, default_exceptions
from werkzeug.routing import PathConverter

from seatguard.errors import SeatguardError
from seatguard_flask import headers, problems, replies
from seatguard_flask.exchange import Exchange, begin, remember, resume
from seatguard_flask.managing import admit
from seatguard_flask.own import signed_in
from seatguard_flask.problems import Shape
from seatguard_flask.state import State

Handler = Callable[..., replies.Answer]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer of a route.

    Attributes:
        model: schema of its body; ``None`` has none.
        examples: by name.
        links: what can be done next with what was answered: name of a route, and which of its path's
            variables is found where in this answer.
    """

    status: int
    description: str
    model: type[BaseModel] | None
    examples: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path.

    Attributes:
        name: endpoint and ``operationId``.
        handler: is given the exchange, who manages or holds where the route has one, and the variables
            of the path.
        shape: gives refusals their body.
        codes: the refusals of its own; those that every route of its kind has go without saying.
        keyed: whether the caller must identify itself as a project.
        scope: what whoever manages must be allowed to do; with it a management key or a token is needed.
        own: whether the answer is about whoever is signed in: a user of the host's, or a token's subject.
        example: a body that would be accepted.
        once: whether an ``Idempotency-Key`` is honoured.
    """

    tag: str
    method: str
    rule: str
    name: str
    handler: Handler
    shape: Shape
    summary: str
    description: str = ""
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answers: tuple[Reply, ...]
    codes: tuple[str, ...] = ()
    keyed: bool = True
    scope: str | None = None
    own: bool = False
    example: Mapping[str, Any] | None = None
    once: bool = False

    @property
    def path(self) -> str:
        """The path as OpenAPI writes it."""
        return _CONVERTER.sub(r"{\1}", self.rule)

    @property
    def variables(self) -> list[str]:
        """The variables of the path."""
        return _CONVERTER.findall(self.rule)


CONVERTER = "seatguard"


class AnyText(PathConverter):
    """A variable of a path with whatever in it, line ends too, which Werkzeug's own leaves to the host."""

    regex = r"[^/](?s:.)*?"


def blueprints(state: State, routes: Iterable[Route]) -> list[Blueprint]:
    """One blueprint a slice, bound to one instance of the extension."""
    made: dict[str, Blueprint] = {}
    methods: dict[str, dict[str, Route]] = {}
    for route in routes:
        rule = _bound(route.rule)
        if route.tag not in made:
            made[route.tag] = _blueprint(state, route.tag, route.shape)
        made[route.tag].add_url_rule(
            rule,
            endpoint=route.name,
            view_func=_view(state, route),
            methods=[route.method],
            provide_automatic_options=False,
        )
        methods.setdefault(rule, {})[route.method] = route
    for rule, known in methods.items():
        allowed = {*known, "HEAD"} if "GET" in known else set(known)
        first = next(iter(known.values()))
        # Flask answers an unknown method before any blueprint is asked; so we know them all.
        made[first.tag].add_url_rule(
            rule,
            endpoint=f"{first.name}_other",
            view_func=_refuses_method(sorted(allowed)),
            methods=sorted(_METHODS - allowed),
            provide_automatic_options=False,
        )
    return list(made.values())


def _bound(rule: str) -> str:
    return rule.replace("<path:", f"<{CONVERTER}:")


def _blueprint(state: State, tag: str, shape: Shape) -> Blueprint:
    blueprint = Blueprint(f"{state.name}_{tag}", __name__, url_prefix=state.settings.url_prefix)

    def refuse(error: Exception) -> ResponseReturnValue:
        if isinstance(error, HTTPException) and error.response is not None:
            return error.get_response()
        exchange = resume(state)
        return shape(problems.of_error(error, exchange), exchange.request_id)

    def finish(response: Response) -> Response:
        # A view's own answer is finished; others are made by error handlers and by the host's hooks.
        if isinstance(response, replies.Answer) and response.finished:
            return response
        return headers.finish(response, resume(state))

    blueprint.register_error_handler(SeatguardError, refuse)
    # By number too: handlers of the host for a number would come before ours for the class.
    for code in default_exceptions:
        blueprint.register_error_handler(code, refuse)
    blueprint.register_error_handler(HTTPException, refuse)
    blueprint.after_request(finish)
    return blueprint


def _view(state: State, route: Route) -> Callable[..., Response]:
    handler, shape = _admitting(route), route.shape

    def view(**variables: str) -> Response:
        exchange = begin(state)
        try:
            response = handler(exchange, **variables)
        except SeatguardError as error:
            response = shape(problems.of_error(error, exchange), exchange.request_id)
        except Exception:
            remember(exchange)
            raise
        response.finished = True
        return headers.finish(response, exchange)

    view.__name__ = route.name
    view.__doc__ = route.summary
    return view


def _admitting(route: Route) -> Handler:
    """The handler behind the question who asks: here and not in each, so that none can forget it."""
    handler, scope = route.handler, route.scope
    if scope is not None:
        return lambda exchange, **variables: handler(exchange, admit(exchange, scope), **variables)
    if route.own:
        return lambda exchange, **variables: handler(exchange, signed_in(exchange), **variables)
    return handler


def _refuses_method(allowed: list[str]) -> Callable[..., Response]:
    def other(**_: str) -> Response:
        raise MethodNotAllowed(valid_methods=allowed)

    return other


def refusing(shape: Shape, exchange: Exchange) -> Callable[[Any], replies.Answer]:
    """Makes the answer of a "no" in that shape."""
    return lambda decision: shape(problems.of_decision(decision, exchange), exchange.request_id)
