"""INSERTs into guarded tables that went past the guard, noted while the process runs."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections import Counter
from types import FrameType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy import inspect as inspect_mapped

if TYPE_CHECKING:
    from seatguard_flask.extension import Seatguard

logger = logging.getLogger("seatguard.flask")

_INTO = re.compile(r"(?:INSERT|REPLACE|MERGE)\b.{0,40}?\bINTO\s+(\S+)", re.IGNORECASE | re.DOTALL)

# Where an ORM session writes: its flush, and its bulk INSERT, which the guard takes part in too.
_GUARDED = ("sqlalchemy.orm.persistence", "sqlalchemy.orm.bulk_persistence")
# The old bulk methods use the same code and tell nobody.
_UNTOLD = "_bulk_save_mappings"


class DoorLog:
    """Counts and logs INSERTs into the tables of guarded models that no guard took part in.

    On all engines of this process, whatever they are connected to; nothing is held up or refused. It sees
    neither other processes nor triggers, and no SQL that does not go through SQLAlchemy.

    >>> from seatguard_flask import Seatguard
    >>> with Seatguard().record_doors() as log:
    ...     log.total
    0
    """

    def __init__(self, seats: Seatguard) -> None:
        self._seats = seats
        self._lock = threading.Lock()
        self._places: Counter[tuple[str, str]] = Counter()
        event.listen(Engine, "before_cursor_execute", self._before)

    @property
    def places(self) -> dict[tuple[str, str], int]:
        """How many statements, by table and by ``file:line`` that made them."""
        with self._lock:
            return dict(self._places)

    @property
    def total(self) -> int:
        """How many statements; one may add many rows."""
        return sum(self.places.values())

    def close(self) -> None:
        """Watch no longer; closing twice is closing once."""
        if event.contains(Engine, "before_cursor_execute", self._before):
            event.remove(Engine, "before_cursor_execute", self._before)

    def __enter__(self) -> DoorLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _before(
        self,
        _connection: object,
        _cursor: object,
        statement: str,
        _parameters: object,
        _context: object,
        _many: object,
    ) -> None:
        into = _INTO.search(statement)
        if into is None:
            return
        table = into[1].partition("(")[0].rpartition(".")[2].strip('"`[]').lower()
        if table not in self._guarded_tables() or _by_a_guarded_session(sys._getframe(1)):
            return
        place = _host_line(sys._getframe(1))
        with self._lock:
            self._places[table, place] += 1
        logger.warning("a user came in past the guard: INSERT INTO %s at %s", table, place)

    def _guarded_tables(self) -> set[str]:
        return {
            str(getattr(mapped.local_table, "name", "")).lower()
            for guard in self._seats.model_guards
            for mapped in inspect_mapped(guard.meaning.model).self_and_descendants
        }


def _by_a_guarded_session(frame: FrameType | None) -> bool:
    guarded = False
    while frame is not None:
        home: Any = frame.f_globals.get("__name__", "")
        guarded = guarded or home in _GUARDED
        if home == "sqlalchemy.orm.session" and frame.f_code.co_name == _UNTOLD:
            return False
        if not home.startswith("sqlalchemy"):
            break
        frame = frame.f_back
    return guarded


def _host_line(frame: FrameType | None) -> str:
    """The nearest line outside SQLAlchemy and its Flask extensions."""
    while frame is not None:
        home: Any = frame.f_globals.get("__name__", "")
        if home.partition(".")[0] not in ("sqlalchemy", "flask_sqlalchemy", "flask_sqlalchemy_lite"):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"
