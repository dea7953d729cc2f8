"""The calls a host makes itself: who may come in, who sits there, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, overload

from seatguard_flask import resolving
from seatguard_flask.declarations import Declarations
from seatguard_flask.passage import View, When
from seatguard_flask.resolving import ProjectOf, SubjectOf
from seatguard_flask.sessions import GuardingSessions
from seatguard_flask.state import State

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from seatguard.actors import Actor
    from seatguard.decisions import Decision
    from seatguard.entitlements.model import Where
    from seatguard.seats.explanation import Explanation
    from seatguard.seats.model import SeatFacts
    from seatguard.seats.service import SeatService


class RegisterCalls(GuardingSessions):
    """The part of the extension that asks and changes the register; see ``seatguard_flask.Seatguard``."""

    def check(self, project: str | None = None) -> Decision[SeatFacts]:
        """What a new user of the project would meet now. Advice: it takes nothing, and refuses by its value.

        Args:
            project: name or id; within a request it may be left out, as in :meth:`consume`.

        Raises:
            NotFound: no such project.
            ProjectNotResolved: it was left out, and nothing tells which one it is.
            StorageUnavailable: the store did not answer in time.
        """
        state = self._state()
        found = resolving.here(state, project, self._resolver)
        return state.engine.seats.check(found.actor, found.where)

    def explain(self, project: str | None = None) -> Explanation:
        """Why a new user of the project would be let in or refused now. For operators: it names holders.

        Args:
            project: name or id; within a request it may be left out, as in :meth:`consume`.

        Returns:
            the decision; each question that was asked, with its answer; the holds in the way; and when the
            first of them ends. As text it is a line for each.

        Raises:
            NotFound: no such project.
            StorageUnavailable: the store did not answer in time.

        >>> from flask import Flask
        >>> from seatguard_flask import Seatguard
        >>> app = Flask("shop")
        >>> app.config["SEATGUARD_STORAGE_URI"] = "memory:"
        >>> seats = Seatguard(app)
        >>> _ = seats.project("acme", limit=0)
        >>> print(seats.explain("acme"))
        limit_reached
          yes service 1 state: active
          NO  service 1 limit: 0, agreed for this service
          NO  service 1 room: 0 taken, 0 of them held
        """
        state = self._state()
        found = resolving.here(state, project, self._resolver)
        return state.engine.seats.explain(found.actor, found.where)

    def take(
        self, project: str, username: str, email: str | None = None, *, session: Session | None = None
    ) -> Decision[SeatFacts]:
        """Give a user a seat; one who has a seat keeps it.

        Args:
            project: name or id.
            username: your identifier of the user.
            session: a SQLAlchemy session on Seatguard's own database: the seat stands or falls with its
                transaction.

        Returns:
            ``decision.allowed``, ``decision.reason`` and the numbers. After a "no" nothing was written.

        Raises:
            InvalidInput: username or email cannot be used.
            NotFound: no such project.
            StorageUnavailable: the store did not answer in time; asking again is safe.
        """
        where = self.where(project)
        return self._seats(session).take(self.actor, where, username, email=email)

    @overload
    def release(
        self, project: str, username: str, *, session: Session | None = None
    ) -> Decision[SeatFacts]: ...

    @overload
    def release(
        self,
        *,
        project: ProjectOf | None = None,
        subject: SubjectOf,
        methods: Collection[str] = ...,
        release_when: When | None = None,
    ) -> Callable[[View], View]: ...

    def release(
        self,
        project: ProjectOf | None = None,
        username: str | None = None,
        *,
        session: Session | None = None,
        subject: SubjectOf | None = None,
        methods: Collection[str] = ("DELETE", "POST", "PUT", "PATCH"),
        release_when: When | None = None,
    ) -> Decision[SeatFacts] | Callable[[View], View]:
        """Free a user's seat: at once, or as a decorator when a view that removes users succeeds.

        ``seats.release("acme", "ada")`` frees the seat. A user without one is ``NOT_HELD``, and no refusal.

        ``@seats.release(subject="user_id")`` frees the seat after the view has answered with a status below
        400; a page that is shown again after a form was sent (200 and text/html) is no success.

        Args:
            project: name or id. To the decorator as to :meth:`consume`.
            username: your identifier of the user.
            session: as in :meth:`take`.
            subject: whose seat: name of a view argument or of a field of the JSON or form body, or a function
                that answers an identifier.
            methods: of the requests after which a seat is freed.
            release_when: a function of the response that decides instead of the rule above.

        Raises:
            InvalidInput: the username cannot be used.
            NotFound: no such project.
            StorageUnavailable: the store did not answer in time; asking again is safe.
        """
        if username is None:
            return self._releasing(project, subject, methods, release_when)
        if not isinstance(project, str):
            raise TypeError("say of which project: seats.release(project, username)")
        where = self.where(project)
        return self._seats(session).release(self.actor, where, username)

    @contextmanager
    def override(self, project: str, *, limit: int) -> Iterator[None]:
        """Give a project's service another limit for the time of a block: for tests of a host.

        A change of the agreement like any other, on record, and taken back at the end. Users who came
        meanwhile stay.

        Args:
            project: name or id.
            limit: seats; ``0`` is none.

        Raises:
            InvalidInput: the limit is no count.
            NotFound: no such project, or it has no service.

        >>> from flask import Flask
        >>> from seatguard_flask import Seatguard
        >>> app = Flask("shop")
        >>> app.config["SEATGUARD_STORAGE_URI"] = "memory:"
        >>> seats = Seatguard(app)
        >>> _ = seats.project("acme", limit=5)
        >>> with seats.override("acme", limit=0):
        ...     seats.take("acme", "ada").allowed
        False
        >>> seats.take("acme", "ada").allowed
        True
        """
        with Declarations(self._state()).another_limit(project, limit):
            yield

    @property
    def actor(self) -> Actor:
        """Who acts when the host itself takes and frees seats."""
        return self._actor(self._state())

    def where(self, project: str) -> Where:
        """A project's subscriptions, as the engine's services want them.

        Args:
            project: name or id.

        Raises:
            NotFound: no such project.
        """
        state = self._state()
        return state.engine.where(Declarations(state).project_id(project))

    def _seats(self, session: Session | None) -> SeatService:
        engine = self._state().engine
        return engine.seats if session is None else engine.seats_within(session.connection())

    def _actor(self, state: State) -> Actor:
        return state.engine.actor("host", state.host)
