"""Every benchmark, one after the other, as one table.

    python -m benchmarks.all [--write]

``--write`` puts the table into benchmarks/README.md, after each benchmark what is known by then. Run it on a
machine that does nothing else: it takes about an hour, most of it to load ten million seats twice, and 25 GB
of disk.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import goals, growth, guards, imports, indexes, redis, register, reports, signup, validate
from benchmarks.measuring import Report, machine

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"

_ALL: tuple[tuple[Callable[[Report, argparse.Namespace], None], dict[str, Any]], ...] = (
    (imports.run, {}),
    (validate.run, {"services": 10_000, "places": ("SQLite", "PostgreSQL")}),
    (register.run, {"places": register.ALL}),
    (signup.run, {"places": signup.ALL}),
    (redis.run, {"fsync": redis.FSYNC}),
    (guards.run, {"places": guards.ALL}),
    (reports.run, {"services": reports.SIZES}),
    (growth.run, {"places": growth.ALL, "sizes": growth.SIZES}),
    (indexes.run, {"services": indexes.SERVICES}),
)


def main() -> None:
    """Measure, print and perhaps write."""
    parser = argparse.ArgumentParser(description="Every benchmark as one table.")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: see that it runs; figures say nothing"
    )
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    options = parser.parse_args()
    if options.write and options.quick:
        parser.error("figures of --quick say nothing: write them without it")
    report, began = Report(quick=options.quick), time.monotonic()
    print(machine(), flush=True)
    failed = False
    for run, arguments in _ALL:
        try:
            run(report, argparse.Namespace(**arguments))
        except Exception:
            # The figures of an hour are not thrown away for the last of them.
            failed = True
            traceback.print_exc()
            report.remark("stopped by an error: what is missing here was not measured")
        if options.write:
            write(report)
    print(f"\n{_found(report)}\n\n{time.monotonic() - began:.0f} seconds")
    sys.exit(int(failed))


def write(report: Report) -> None:
    """Put what was measured into benchmarks/README.md, in the place of what was there."""
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n\n{_found(report)}\n\n{END}{after}")


def _found(report: Report) -> str:
    return f"### goals\n\n{goals.table(report)}\n\n{report.markdown()}"


if __name__ == "__main__":
    main()
