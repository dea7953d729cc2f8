"""INSERTs into guarded tables that went past the guard, noted while the process runs."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy import inspect as inspect_mapped

from seatguard.errors import InvalidInput

if TYPE_CHECKING:
    from seatguard_flask.extension import Seatguard

logger = logging.getLogger("seatguard.flask")

_INTO = re.compile(r"(?:INSERT|REPLACE|MERGE)\b.{0,40}?\bINTO\s+(\S+)", re.IGNORECASE | re.DOTALL)

# Where an ORM session writes: its flush, and its bulk INSERT, which the guard takes part in too.
_GUARDED = ("sqlalchemy.orm.persistence", "sqlalchemy.orm.bulk_persistence")
# The old bulk methods use the same code and tell nobody.
_UNTOLD = "_bulk_save_mappings"

BLIND = (
    "code that was not run while it was recorded, and processes that recorded nothing",
    "rows that were switched on by an UPDATE",
    "SQL that does not go through SQLAlchemy: of a driver, a trigger, another program",
)
"""What a recording cannot see."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recordings say.

    Attributes:
        processes: how many recorded.
        places: table and ``file:line`` of each INSERT that went past a guard, once.
    """

    processes: int
    places: tuple[tuple[str, str], ...]


class DoorLog:
    """Counts and logs INSERTs into the tables of guarded models that no guard took part in.

    On all engines of this process, whatever they are connected to; nothing is held up or refused. It sees
    neither other processes nor triggers, and no SQL that does not go through SQLAlchemy.

    Args:
        file: is added to, a line for each place when it is first seen; several processes may share it.

    >>> from seatguard_flask import Seatguard
    >>> with Seatguard().record_doors() as log:
    ...     log.total
    0
    """

    def __init__(self, seats: Seatguard, file: str | os.PathLike[str] | None = None) -> None:
        self._seats = seats
        self._file = None if file is None else Path(file)
        self._lock = threading.Lock()
        self._places: Counter[tuple[str, str]] = Counter()
        self._write({"recording": os.getpid()})
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
            if self._places[table, place] == 1:
                self._write({"table": table, "place": place})
        logger.warning("a user came in past the guard: INSERT INTO %s at %s", table, place)

    def _write(self, line: dict[str, object]) -> None:
        if self._file is None:
            return
        # One write of a few bytes at the end: lines of several processes do not mix.
        with self._file.open("ab", buffering=0) as file:
            file.write(json.dumps(line).encode() + b"\n")

    def _guarded_tables(self) -> set[str]:
        return {
            str(getattr(mapped.local_table, "name", "")).lower()
            for guard in self._seats.model_guards
            for mapped in inspect_mapped(guard.meaning.model).self_and_descendants
        }


def read(files: Iterable[str | os.PathLike[str]]) -> Recorded:
    """What was recorded in these files.

    Raises:
        InvalidInput: one is not there, or nothing ever recorded into it.
    """
    processes, places = 0, dict[tuple[str, str], None]()
    for file in files:
        began = processes
        try:
            for line in Path(file).read_text(encoding="utf-8").splitlines():
                found = json.loads(line)
                if "recording" in found:
                    processes += 1
                else:
                    places[found["table"], found["place"]] = None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InvalidInput.single("runtime", "unreadable", f"{file} is no recording: {error}") from error
        if processes == began:
            raise InvalidInput.single("runtime", "empty", f"{file} is empty: nothing recorded into it")
    return Recorded(processes, tuple(places))


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
