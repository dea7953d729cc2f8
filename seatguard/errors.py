"""What can be wrong: broken input, a missing thing, a conflict, a store out of reach.

A "no" is not an error: it is a :class:`~seatguard.decisions.Decision`. Errors carry the
facts as attributes; nothing here knows HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatguard.decisions import Decision


class SeatguardError(Exception):
    """Base of everything Seatguard raises on purpose.

    Can be sent to another process, whatever its subclasses are made from:

    >>> import pickle
    >>> pickle.loads(pickle.dumps(NotFound("client", 7))).identifier
    7
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """How to make it again: with what it has, as no subclass takes its own message."""
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(
    kind: type[SeatguardError], arguments: tuple[Any, ...], has: dict[str, Any]
) -> SeatguardError:
    made = kind.__new__(kind, *arguments)
    made.__dict__.update(has)
    return made


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one input field: which, what, and how to cure it.

    >>> Problem("limit", "out_of_range", "must be 0 to 2147483647, not -1").field
    'limit'
    """

    field: str
    code: str
    message: str


class InvalidInput(SeatguardError):
    """The caller's values cannot be used; nothing was changed.

    >>> str(InvalidInput.single("limit", "out_of_range", "must be at least 0, not -1"))
    'limit: must be at least 0, not -1'
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in self.problems))

    @classmethod
    def single(cls, field: str, code: str, message: str) -> InvalidInput:
        """The usual case: one field, one problem."""
        return cls([Problem(field, code, message)])

    @property
    def code(self) -> str:
        """The code of the first problem."""
        return self.problems[0].code


class NotFound(SeatguardError):
    """No such thing in this tenant. A foreign tenant's id gives the very same error."""

    def __init__(self, kind: str, identifier: object) -> None:
        self.kind = kind
        self.identifier = identifier
        super().__init__(f"no {kind} {identifier!r}")


class Conflict(SeatguardError):
    """The change does not fit what is there: a taken slug, an old version, a third key."""

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        self.code = code
        self.facts = facts
        super().__init__(message)


class AuthenticationFailed(SeatguardError):
    """The key and domain identify nobody. One error for every cause, on purpose."""

    def __init__(self) -> None:
        super().__init__("the API key and domain do not identify a project")


class Denied(SeatguardError):
    """A refusal, raised for those who asked for an exception by ``decision.require()``."""

    def __init__(self, decision: Decision[Any]) -> None:
        self.decision = decision
        super().__init__(decision.reason.value)


class StorageUnavailable(SeatguardError):
    """The store did not answer in time. What was asked may be retried: it is idempotent."""

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Misconfigured(SeatguardError):
    """The set-up is wrong; the message says which setting and what to write instead."""
