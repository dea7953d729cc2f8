"""Guards by what is granted: features, permissions, requests, amounts. They take no seat."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from flask import Response, current_app, request

from seatguard.allowances import Quota, Rate
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.grants import Subject
from seatguard.entitlements.rules import included
from seatguard.management.rules import may_do
from seatguard.rates.model import Tally
from seatguard_flask import resolving
from seatguard_flask.guards import Guards
from seatguard_flask.holding import UNAVAILABLE, ask
from seatguard_flask.passage import View, around, with_note
from seatguard_flask.refusals import Manner, refused_grant
from seatguard_flask.resolving import Place, ProjectNotResolved, ProjectOf, SubjectOf
from seatguard_flask.state import State

POLICY, LIMIT = "RateLimit-Policy", "RateLimit"
"""Headers of the draft on rate limits (draft-ietf-httpapi-ratelimit-headers); it may still change."""

EVERY = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

Loader = TypeVar("Loader", bound=Callable[[], "str | None"])
Finish = Callable[[Any], Any]
Passage = Callable[[Mapping[str, Any]], AbstractContextManager[Finish]]


class Granting(Guards):
    """The part of the extension that guards views by entitlements; see ``seatguard_flask.Seatguard``."""

    _holder_loader: Callable[[], str | None] | None = None

    def holder_loader(self, loader: Loader) -> Loader:
        """Let a function say who is signed in, for ``/subscription``, ``/quotas`` and ``/entitlements``.

        Args:
            loader: answers your identifier of the user, or ``None`` when nobody is signed in.

        >>> from seatguard_flask import Seatguard
        >>> seats = Seatguard()
        >>> @seats.holder_loader
        ... def signed_in():
        ...     return g.user and g.user.name
        """
        self._holder_loader = loader
        return loader

    def require(
        self,
        feature: str | None = None,
        *,
        project: ProjectOf | None = None,
        subject: SubjectOf | None = None,
        status: int | None = None,
    ) -> Callable[[View], View]:
        """Run a view only where a feature is granted; without one, only where a subscription is in force.

        Args:
            feature: its name; of a limit the name of its service first, where several have it.
            project: name or id, or a function that answers one; else see :meth:`project_resolver`.
            subject: the user whose own plan and overrides count too: name of a view argument or of a field
                of the body, or a function.
            status: of the refusal, instead of ``SEATGUARD_LIMIT_STATUS``.

        Raises (in the request, as answers that render themselves):
            GrantRefused: it is not granted.
            SeatsUnavailable: the store did not answer; see ``SEATGUARD_ON_STORAGE_ERROR``.
            ProjectNotResolved: nothing tells which project it is, and there is no subject.

        >>> from flask import Flask
        >>> from seatguard_flask import Seatguard
        >>> app = Flask("shop")
        >>> app.config["SEATGUARD_STORAGE_URI"] = "memory:"
        >>> seats = Seatguard(app)
        >>> _ = seats.project("acme", limit=1)
        >>> @app.get("/reports")
        ... @seats.require(project="acme")
        ... def reports():
        ...     return "here they are"
        >>> @app.get("/sso")
        ... @seats.require("sso", project="acme")
        ... def sso():
        ...     return "signed on"
        >>> client = app.test_client()
        >>> client.get("/reports").status_code, client.get("/sso").status_code
        (200, 402)
        """
        if callable(feature):
            raise TypeError("write @seats.require(...) with parentheses")

        def decide(state: State, arguments: Mapping[str, Any]) -> Decision[Any]:
            if feature is None:
                place = resolving.place(state, project, self._resolver, arguments)
                where = place.where
                terms = state.engine.entitlements.terms(
                    place.actor.tenant, where.project, mode=where.mode
                ).value
                return included(where.among(terms), lambda _: (), state.engine.clock())
            asked = self._asked(state, project, subject, arguments)
            return state.engine.entitlements.check(resolving.acting(state), asked, feature)

        return self._checking("require", project, subject, status, decide)

    def permission_required(
        self,
        permission: str,
        *,
        project: ProjectOf | None = None,
        subject: SubjectOf | None = None,
    ) -> Callable[[View], View]:
        """Run a view only where a permission is granted, by a plan or an override; else 403.

        Args:
            permission: such as ``speech:files:read``; a granted ``speech:*`` covers it.
            project, subject: as in :meth:`require`.
        """

        def decide(state: State, arguments: Mapping[str, Any]) -> Decision[Any]:
            asked = self._asked(state, project, subject, arguments)
            grants = state.engine.entitlements.granted(resolving.acting(state), asked)
            return may_do(grants.permissions, [permission])

        return self._checking("permission", project, subject, None, decide)

    def rate_limited(
        self,
        meter: str,
        *,
        cost: int = 1,
        rate: Rate | None = None,
        project: ProjectOf | None = None,
        caller: SubjectOf | None = None,
    ) -> Callable[[View], View]:
        """Admit so many requests in a window, else 429; the numbers are in ``RateLimit`` headers.

        Args:
            meter: under which the plan has the rate limit, ``api.perMinute``.
            cost: how much a request counts.
            rate: instead of what the plan says.
            project: as in :meth:`require`.
            caller: who is counted alone, as the ``subject`` of :meth:`require`; left out, the address.
        """

        def passage(arguments: Mapping[str, Any]) -> AbstractContextManager[Finish]:
            return self._limited(meter, cost, rate, project, caller, arguments)

        return self._around("rate", project, caller, passage)

    def metered(
        self,
        meter: str,
        *,
        quantity: int | Callable[[], int] = 1,
        quota: Quota | None = None,
        project: ProjectOf | None = None,
        status: int | None = None,
    ) -> Callable[[View], View]:
        """Count what a view uses: before it runs, and given back when it fails.

        A view that raises, or answers with 400 or more, has used nothing. The ``Idempotency-Key`` of the
        request names the charge: a retry with the same key is counted once.

        Args:
            meter: under which the plan has the quota, ``speech.summaries``.
            quantity: units, or a function of the request that answers them.
            quota: instead of what the plan says.
            project, status: as in :meth:`require`.
        """

        def passage(arguments: Mapping[str, Any]) -> AbstractContextManager[Finish]:
            return self._metered(meter, quantity, quota, project, status, arguments)

        return self._around("metered", project, None, passage)

    def _checking(
        self,
        verb: str,
        project: ProjectOf | None,
        subject: SubjectOf | None,
        status: int | None,
        decide: Callable[[State, Mapping[str, Any]], Decision[Any]],
    ) -> Callable[[View], View]:
        @contextmanager
        def passage(arguments: Mapping[str, Any]) -> Iterator[Finish]:
            state = self._state()
            manner = Manner(settings=state.settings, status=status)
            away = False
            if self.enabled:
                decision, away = ask(state, lambda: manner, verb, lambda: decide(state, arguments))
                _refuse(state, decision, manner)
            yield lambda answer: _noted(answer, away)

        return self._around(verb, project, subject, passage)

    def _around(
        self, verb: str, project: ProjectOf | None, subject: SubjectOf | None, passage: Passage
    ) -> Callable[[View], View]:
        guarded = self._guarded(verb, EVERY, project, subject)
        return lambda view: around(view, guarded, passage)

    def _asked(
        self,
        state: State,
        project: ProjectOf | None,
        subject: SubjectOf | None,
        arguments: Mapping[str, Any],
    ) -> Subject:
        user = resolving.subject(subject, arguments)
        try:
            where = resolving.place(state, project, self._resolver, arguments).where
        except ProjectNotResolved:
            if user is None:
                raise
            return Subject(user=user)
        return Subject(user=user, project=where.project, mode=where.mode)

    @contextmanager
    def _limited(
        self,
        meter: str,
        cost: int,
        rate: Rate | None,
        project: ProjectOf | None,
        caller: SubjectOf | None,
        arguments: Mapping[str, Any],
    ) -> Iterator[Finish]:
        state = self._state()
        if not self.enabled:
            yield _as_it_is
            return
        manner = Manner(settings=state.settings)

        def hit() -> Decision[Any]:
            place = resolving.place(state, project, self._resolver, arguments)
            who = resolving.subject(caller, arguments) or request.remote_addr or ""
            return state.engine.rates.hit(place.actor, place.where, meter, who, cost=cost, rate=rate)

        decision, away = ask(state, lambda: manner, "count the request", hit)
        tally = None if decision is None else decision.facts.tally
        headers = [] if tally is None else _headers(meter, rate, tally)
        _refuse(state, decision, manner, headers)

        def finish(answer: Any) -> Response:
            response = _noted(answer, away)
            response.headers.extend(headers)
            return response

        yield finish

    @contextmanager
    def _metered(
        self,
        meter: str,
        quantity: int | Callable[[], int],
        quota: Quota | None,
        project: ProjectOf | None,
        status: int | None,
        arguments: Mapping[str, Any],
    ) -> Iterator[Finish]:
        state = self._state()
        if not self.enabled:
            yield _as_it_is
            return
        manner = Manner(settings=state.settings, status=status)
        key = request.headers.get("Idempotency-Key") or secrets.token_hex(16)
        amount = quantity() if callable(quantity) else quantity

        def record() -> tuple[Place, Decision[Any]]:
            place = resolving.place(state, project, self._resolver, arguments)
            usage = state.engine.usage
            return place, usage.record(place.actor, place.where, meter, amount, key=key, quota=quota)

        found, away = ask(state, lambda: manner, "count what is used", record)
        decision = None if found is None else found[1]
        _refuse(state, decision, manner)
        # A charge that was there before is of a request that succeeded: it is not this one's to give back.
        charged = decision is not None and decision.allowed and decision.reason is Reason.ALLOWED

        def give_back() -> None:
            if found is not None and charged:
                place = found[0]
                ask(
                    state,
                    lambda: manner,
                    "give back",
                    lambda: state.engine.usage.refund(place.actor, place.where, meter, key=key, quota=quota),
                )

        def finish(answer: Any) -> Response:
            response = _noted(answer, away)
            if response.status_code >= 400:
                give_back()
            return response

        try:
            yield finish
        except BaseException:
            give_back()
            raise


def _refuse(
    state: State, decision: Decision[Any] | None, manner: Manner, headers: list[tuple[str, str]] | None = None
) -> None:
    if decision is not None and not decision.allowed and not state.switches.dry_run:
        raise refused_grant(decision, manner, headers or [])


def _headers(meter: str, rate: Rate | None, tally: Tally) -> list[tuple[str, str]]:
    """The numbers in the syntax of the draft; an unlimited rate has none."""
    if tally.limit is None:
        return []
    window = "" if rate is None else f";w={rate.window}"
    told = [
        (POLICY, f'"{meter}";q={tally.limit}{window}'),
        (LIMIT, f'"{meter}";r={tally.remaining};t={math.ceil(tally.resets_in)}'),
    ]
    if tally.retry_in:
        told.append(("Retry-After", str(math.ceil(tally.retry_in))))
    return told


def _noted(answer: Any, away: bool) -> Response:
    return with_note(current_app.make_response(answer), UNAVAILABLE if away else None)


def _as_it_is(answer: Any) -> Any:
    return answer
