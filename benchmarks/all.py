"""Every benchmark, one after the other, as one table.

    python -m benchmarks.all [--write]

``--write`` puts the table into benchmarks/README.md. Run it on a machine that does nothing else: it takes
about a quarter of an hour.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks import growth, imports, register, validate
from benchmarks.measuring import Report, machine

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


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
    imports.run(report, argparse.Namespace())
    validate.run(report, argparse.Namespace(services=10_000, places=("SQLite", "PostgreSQL")))
    register.run(report, argparse.Namespace(places=register.ALL))
    growth.run(report, argparse.Namespace(places=growth.ALL, sizes=growth.SIZES))
    print(f"\n{report.markdown()}\n\n{time.monotonic() - began:.0f} seconds")
    if options.write:
        text = README.read_text()
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        README.write_text(f"{before}{BEGIN}\n\n{report.markdown()}\n\n{END}{after}")


if __name__ == "__main__":
    main()
