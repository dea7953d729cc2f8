"""The way through a guarded view: what is held before it, and what its answer means."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast

from flask import Response, current_app, request

from seatguard_flask.holding import Hand, Passing
from seatguard_flask.resolving import ProjectOf, SubjectOf

View = TypeVar("View", bound=Callable[..., Any])
When = Callable[[Response], bool]

UNCHECKED = "Seatguard-Unchecked"
"""Header of an answer that was given without a decision, because the store was away and the policy is
``allow``."""
MARK = "__seatguard_guard__"
"""Attribute of a guarded view: its :class:`Guarded`. Decorators above that use functools.wraps keep it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What a guarded view tells of its guard.

    Attributes:
        verb: ``consume`` or ``release``.
        instance: name of the instance that guards.
    """

    verb: str
    instance: str
    methods: frozenset[str]
    project: ProjectOf | None
    subject: SubjectOf | None


class Consuming:
    """One pass through a consuming guard."""

    def __init__(self, hand: Hand, consume_when: When | None) -> None:
        self._hand = hand
        self._passing = Passing(hand)
        self._consume_when = consume_when or _is_made

    def __enter__(self) -> Callable[[Any], Any]:
        self._passing.__enter__()
        return self._finish

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._passing.__exit__(kind, error, trace)

    def _finish(self, answer: Any) -> Response:
        response = current_app.make_response(answer)
        if not self._is_consumed(response):
            self._hand.give_back()
        else:
            self._hand.keep()
        return with_note(response, self._hand.unchecked)

    def _is_consumed(self, response: Response) -> bool:
        if self._hand.decided is None:
            return self._consume_when(response)
        return self._hand.decided and response.status_code < 400


def around(
    view: View,
    guarded: Guarded,
    passage: Callable[[Mapping[str, Any]], AbstractContextManager[Callable[[Any], Any]]],
) -> View:
    """Put a guard around a view; a coroutine stays one, and requests of other methods pass untouched.

    Args:
        guarded: kept at the view under :data:`MARK`.
        passage: of the view's arguments; around one call, and gives what makes the answer of the view's.

    Raises:
        TypeError: the view is a class.
    """
    if inspect.isclass(view):
        raise TypeError(
            f"{view.__name__} is a class: put the guard into its `decorators`, or above one of its methods"
        )
    if inspect.iscoroutinefunction(view):

        @functools.wraps(view)
        async def wrapped(*args: Any, **arguments: Any) -> Any:
            if request.method not in guarded.methods:
                return await view(*args, **arguments)
            with passage(arguments) as finish:
                return finish(await view(*args, **arguments))
    else:

        @functools.wraps(view)
        def wrapped(*args: Any, **arguments: Any) -> Any:
            if request.method not in guarded.methods:
                return view(*args, **arguments)
            with passage(arguments) as finish:
                return finish(view(*args, **arguments))

    setattr(wrapped, MARK, guarded)
    return cast(View, wrapped)


def _is_made(response: Response) -> bool:
    """Whether a view has made what it was asked to make: a form shown again has not."""
    return response.status_code < 400 and not _is_a_page(response)


def is_done(response: Response) -> bool:
    """Whether a view has removed what it should: a page is a good answer to DELETE, and to a form is none."""
    return response.status_code < 400 and (request.method == "DELETE" or not _is_a_page(response))


def _is_a_page(response: Response) -> bool:
    return response.status_code == 200 and response.mimetype == "text/html"


def with_note(response: Response, unchecked: str | None) -> Response:
    """The answer, saying :data:`UNCHECKED` where nothing was decided."""
    if unchecked is not None:
        response.headers[UNCHECKED] = unchecked
    return response
