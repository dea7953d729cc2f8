"""Tables as files, row by row: a file of a million rows takes no more memory than one of a hundred."""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import chain, islice
from typing import IO, Any

from flask import Response, stream_with_context

from seatguard.errors import InvalidInput
from seatguard_admin.desk import Desk

Row = Sequence[Any]

CSV, XLSX = "csv", "xlsx"

_TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_CHUNK = 1 << 16
_AT_ONCE = 200
"""Rows that are sent together."""

_SHEET = 1_000_000
"""Rows of one sheet; Excel reads 1,048,576."""

_CELL = 32_767
"""Characters of one cell in Excel."""

_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""Characters that begin a formula, in their full-width forms too."""


@cache
def xlsx_is_there() -> bool:
    """Whether the extra ``xlsx`` is installed."""
    return find_spec("xlsxwriter") is not None


def file(desk: Desk, kind: str, name: str, columns: Sequence[str], rows: Iterable[Row]) -> Response:
    """A table as a file that a spreadsheet opens without running anything in it.

    The rows are read while it is sent. What keeps the first of them from being read is still an error page;
    a file that ends later than that is cut short, and its sender closes the connection.

    Raises:
        InvalidInput: the kind is none, or what makes it is not installed.
    """
    if kind not in _TYPES:
        raise InvalidInput.single("format", "invalid_choice", f"must be csv or xlsx, not {kind[:20]!r}")
    given = iter(rows)
    begun = chain(list(islice(given, 1)), given)
    made = _csv(columns, begun) if kind == CSV else _xlsx(columns, begun)
    response = Response(stream_with_context(made), content_type=_TYPES[kind])
    day = desk.today.isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="seatguard-{name}-{day}.{kind}"'
    return response


def inert(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> inert("=1+1"), inert("-5"), inert(-5), inert(None)
    ("'=1+1", "'-5", '-5', '')
    """
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, str) and text[:1] in _FORMULA:
        return f"'{text}"
    return text


def _csv(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    yield "\ufeff"
    rows = chain([columns], rows)
    while some := list(islice(rows, _AT_ONCE)):
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
        writer.writerows([inert(value) for value in row] for row in some)
        yield text.getvalue()


def _xlsx(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[bytes]:
    """The file is a zip, of which the last part lists the others: it is made on disk and then sent."""
    if not xlsx_is_there():
        raise InvalidInput.single(
            "format", "invalid_choice", "xlsx needs XlsxWriter: run pip install 'seatguard[xlsx]'"
        )
    made = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it was sent
    try:
        _write(made, columns, rows)
    except BaseException:
        made.close()
        raise
    made.seek(0)
    return _sent(made)


def _sent(made: IO[bytes]) -> Iterator[bytes]:
    with made:
        while chunk := made.read(_CHUNK):
            yield chunk


def _write(made: IO[bytes], columns: Sequence[str], rows: Iterator[Row]) -> None:
    from xlsxwriter import Workbook

    with Workbook(made, {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        bold = book.add_format({"bold": True})
        more = True
        while more:
            sheet = book.add_worksheet()
            sheet.freeze_panes(1, 0)
            for place, column in enumerate(columns):
                sheet.write_string(0, place, column, bold)
            number = 0
            for number, row in enumerate(islice(rows, _SHEET), start=1):
                for place, value in enumerate(row):
                    _cell(sheet, number, place, value)
            more = number == _SHEET


def _cell(sheet: Any, row: int, place: int, value: Any) -> None:
    """A number as a number, a day as a day, and a text as nothing but text."""
    if isinstance(value, int):
        sheet.write_number(row, place, value)
    elif isinstance(value, dt.date):
        sheet.write_datetime(row, place, value)
    elif value is not None:
        sheet.write_string(row, place, str(value)[:_CELL])
