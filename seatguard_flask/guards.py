"""Guards around views: a seat is held, the view runs, the seat is kept or given back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from flask import Response, current_app

from seatguard.errors import InvalidInput
from seatguard_flask import resolving
from seatguard_flask.holding import UNAVAILABLE, Hand, Holding, SeatInHand, ask
from seatguard_flask.passage import Consuming, Guarded, View, When, around, is_done, with_note
from seatguard_flask.refusals import Manner, invalid_subject
from seatguard_flask.resolving import Place, ProjectOf, SubjectOf
from seatguard_flask.several import MOST, SeveralInHand
from seatguard_flask.state import State
from seatguard_flask.switches import disabled, is_disabled

Resolver = TypeVar("Resolver", bound=Callable[[], "str | None"])

WRITING = frozenset({"POST", "PUT", "PATCH"})

logger = logging.getLogger("seatguard.flask")


class Guards:
    """The part of the extension that guards views and blocks; see ``seatguard_flask.Seatguard``."""

    name: str
    _resolver: Callable[[], str | None] | None = None

    def consume(
        self,
        feature: str = "seats",
        *,
        project: ProjectOf | None = None,
        subject: SubjectOf | None = None,
        quantity: int = 1,
        methods: Collection[str] = WRITING,
        consume_when: When | None = None,
        status: int | None = None,
    ) -> Callable[[View], View]:
        """Let a view make a user only where there is a seat for one.

        A seat is held, then the view runs. The seat is taken when the view answers with a status below 400,
        and given back when it raises, answers with 400 or more, or shows a form again (200 and text/html).
        When all seats are taken the view does not run. A user who has a seat already keeps it, and needs
        no second one. Stands below the route: ``@app.post(...)``, then ``@seats.consume(...)``.

        Args:
            feature: ``"seats"``; there is no other yet.
            project: name or id, or a function that answers one; else see :meth:`project_resolver`.
            subject: who will sit there: name of a view argument or of a field of the JSON or form body, or a
                function that answers an identifier. Without one the seat is nobody's until the view calls
                ``current_seat.assign(user.id)``. A list names several users: all get a seat, or none does.
            quantity: seats, 1 to 100, for users whom the view names by ``current_seats``: all or none.
            methods: of the requests that are guarded; others run as if there were no guard.
            consume_when: a function of the response that decides instead of the rule above.
                ``current_seat.assign`` and ``cancel`` in the view come before it.
            status: of the refusal, instead of ``SEATGUARD_LIMIT_STATUS``.

        Raises (in the request, as answers that render themselves):
            SeatLimitReached, SubscriptionInactive, ProjectSuspended: there is no seat.
            HoldExpired: the view took longer than ``SEATGUARD_HOLD_TTL``, and no seat is free now.
            SeatsUnavailable: the store did not answer; see ``SEATGUARD_ON_STORAGE_ERROR``.
            ProjectNotResolved: nothing tells which project it is.

        >>> from flask import Flask, request
        >>> from seatguard_flask import Seatguard
        >>> app = Flask("shop")
        >>> app.config["SEATGUARD_STORAGE_URI"] = "memory:"
        >>> seats = Seatguard(app)
        >>> _ = seats.project("acme", limit=1)
        >>> @app.post("/users")
        ... @seats.consume(project="acme", subject="username")
        ... def create_user():
        ...     return {"username": request.json["username"]}, 201
        >>> client = app.test_client()
        >>> [client.post("/users", json={"username": name}).status_code for name in ("ada", "bob", "ada")]
        [201, 402, 201]
        """
        _check_consume(feature, quantity, subject, status)
        guarded = self._guarded("consume", methods, project, subject)

        def passage(arguments: Mapping[str, Any]) -> AbstractContextManager[Callable[[Any], Any]]:
            return Consuming(self._hand(project, subject, quantity, arguments, status), consume_when)

        return lambda view: around(view, guarded, passage)

    def hold(
        self, project: ProjectOf | None = None, *, subject: SubjectOf | None = None, status: int | None = None
    ) -> Holding:
        """Hold a seat for a block of code: kept when it ends well, given back when it raises.

        For services, commands and jobs; a request is not needed. ``async with`` works too.

        Args:
            project: name or id, or a function that answers one; within a request it may be left out.
            subject: the user's identifier, or a function that answers it. Without one, call
                ``seat.assign(user.id)`` in the block.
            status: as in :meth:`consume`.

        Raises:
            SeatRefused: there is no seat; a :class:`~seatguard.errors.Denied` with the decision.
            HoldExpired: the block took too long, and no seat is free now.
            SeatsUnavailable: the store did not answer; see ``SEATGUARD_ON_STORAGE_ERROR``.

        >>> from flask import Flask
        >>> from seatguard_flask import Seatguard
        >>> app = Flask("shop")
        >>> app.config["SEATGUARD_STORAGE_URI"] = "memory:"
        >>> seats = Seatguard(app)
        >>> _ = seats.project("acme", limit=1)
        >>> with seats.hold("acme") as seat:
        ...     seat.assign(105)
        >>> seats.check("acme").reason.value
        'limit_reached'
        """
        named = (lambda: subject) if isinstance(subject, str) else subject
        return Holding(self._in_hand(project, named, {}, status=status))

    def project_resolver(self, resolver: Resolver) -> Resolver:
        """Let a function say which project a request is about, where the guard itself does not.

        The ways, in their order: the guard's ``project``; this function; a view argument ``project_id``; a
        project key in ``X-API-Key`` or ``Authorization: Bearer``; the request's host, if one project has
        registered it and ``TRUSTED_HOSTS`` is set. The first that answers something wins.

        Args:
            resolver: answers name or id, or ``None`` when it does not know either.

        >>> from seatguard_flask import Seatguard
        >>> seats = Seatguard()
        >>> @seats.project_resolver
        ... def of_the_tenant():
        ...     return g.tenant.slug
        """
        self._resolver = resolver
        return resolver

    def disabled(self) -> AbstractContextManager[None]:
        """Let everybody pass, for the calling thread or task and what it calls: no guard takes a seat.

        >>> from seatguard_flask import Seatguard
        >>> seats = Seatguard()
        >>> with seats.disabled():
        ...     pass  # load sample data
        """
        return disabled(self)

    @property
    def enabled(self) -> bool:
        """Whether guards guard here and now: ``SEATGUARD_ENABLED``, and not within :meth:`disabled`."""
        return not is_disabled(self) and self._state().switches.enabled

    def _state(self) -> State:
        raise NotImplementedError

    def _releasing(
        self,
        project: ProjectOf | None,
        subject: SubjectOf | None,
        methods: Collection[str],
        release_when: When | None,
    ) -> Callable[[View], View]:
        if subject is None:
            raise TypeError(
                '@seats.release needs a subject: the name of a view argument, as in subject="user_id", or a'
                " function. To release at once, give project and user: seats.release(project, user_id)"
            )
        guarded = self._guarded("release", methods, project, subject)

        def passage(arguments: Mapping[str, Any]) -> AbstractContextManager[Callable[[Any], Any]]:
            return self._release_after(project, subject, arguments, release_when)

        return lambda view: around(view, guarded, passage)

    @contextmanager
    def _release_after(
        self,
        project: ProjectOf | None,
        subject: SubjectOf,
        arguments: Mapping[str, Any],
        release_when: When | None,
    ) -> Iterator[Callable[[Any], Any]]:
        if not self.enabled:
            yield _as_it_is
            return
        state = self._state()

        def find() -> tuple[Place, str | None]:
            place = resolving.place(state, project, self._resolver, arguments)
            return place, resolving.subject(subject, arguments)

        # Before the view: afterwards the row that tells project and user may be gone.
        found, away = ask(state, lambda: Manner(settings=state.settings), "find the project", find)

        def finish(answer: Any) -> Response:
            response = current_app.make_response(answer)
            unchecked = away
            if found is not None and (release_when or is_done)(response):
                unchecked = _free(state, *found)
            return with_note(response, UNAVAILABLE if unchecked else None)

        yield finish

    def _in_hand(
        self,
        project: ProjectOf | None,
        subject: SubjectOf | None,
        arguments: Mapping[str, Any],
        *,
        status: int | None,
    ) -> SeatInHand:
        state = self._state()
        return SeatInHand(
            state,
            lambda: resolving.place(state, project, self._resolver, arguments),
            lambda: resolving.subject(subject, arguments),
            on=self.enabled,
            status=status,
        )

    def _hand(
        self,
        project: ProjectOf | None,
        subject: SubjectOf | None,
        quantity: int,
        arguments: Mapping[str, Any],
        status: int | None,
    ) -> Hand:
        """One seat, or as many as are wanted."""
        if not self.enabled or (subject is None and quantity == 1):
            return self._in_hand(project, subject, arguments, status=status)
        names = resolving.subjects(subject, arguments) if subject is not None else [None] * quantity
        if len(names) > MOST:
            problem = InvalidInput.single(
                "subject", "too_many", f"is one of {len(names)}, and {MOST} may be named at once"
            )
            raise invalid_subject(problem, Manner(settings=self._state().settings))
        hands = [self._in_hand(project, _constant(name), arguments, status=status) for name in names]
        return hands[0] if len(hands) == 1 else SeveralInHand(hands)

    def _guarded(
        self, verb: str, methods: Collection[str], project: ProjectOf | None, subject: SubjectOf | None
    ) -> Guarded:
        if isinstance(methods, str):
            raise TypeError(f'methods is {methods!r}: give a collection of them, such as {{"POST"}}')
        named = frozenset(method.upper() for method in methods)
        return Guarded(verb=verb, instance=self.name, methods=named, project=project, subject=subject)


def _free(state: State, place: Place, user: str | None) -> bool:
    """Free the user's seat; whether it was let pass because the store did not answer."""
    if user is None:
        logger.warning("no seat was freed in %s: the request does not say whose", place.name)
        return False

    def release() -> None:
        try:
            state.engine.seats.release(place.actor, place.where, user)
        except InvalidInput as error:
            logger.warning("no seat was freed in %s: %s", place.name, error)

    manner = Manner(settings=state.settings, project=place.name)
    return ask(state, lambda: manner, "release", release)[1]


def _as_it_is(answer: Any) -> Any:
    return answer


def _constant(name: str | None) -> SubjectOf | None:
    return None if name is None else lambda: name


def _check_consume(feature: object, quantity: object, subject: object, status: int | None) -> None:
    if callable(feature):
        raise TypeError("write @seats.consume(...) with parentheses")
    if feature != "seats":
        raise ValueError(f'there is no feature {feature!r} to consume, only "seats"')
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not 1 <= quantity <= MOST:
        raise ValueError(f"quantity is {quantity!r}: a guard takes 1 to {MOST} seats")
    if quantity != 1 and subject is not None:
        raise ValueError("several users are named by a list: let subject answer one, and leave quantity out")
    if status is not None and not 400 <= status <= 499:
        raise ValueError(f"status is {status!r}: a refusal's is 400 to 499")
