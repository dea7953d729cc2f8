"""What an import costs: milliseconds and memory, in a fresh process each time.

    python -m benchmarks.imports

A host pays for it at every start of every worker, and in every run of its tests.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.measuring import Report, Samples, command, interleave, on_cores

_MEASURED = """
import time
began = time.perf_counter()
{imports}
took = time.perf_counter() - began
try:
    status = open("/proc/self/status").read()
    kib = int(status.partition("VmRSS:")[2].split()[0])
except OSError:
    import resource
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(took * 1000, kib / 1024)
"""

_FLASK = "import flask"
_BOTH = "import flask, sqlalchemy"


def run(report: Report, _options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("imports")
    statements = ["pass", _FLASK, _BOTH, f"{_BOTH} # again", "import seatguard", "import seatguard_flask"]
    memory: Samples = {statement: [] for statement in statements}

    def contender(statement: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED.format(imports=statement)],
            capture_output=True,
            text=True,
            check=True,
        )
        took, mebibytes = (float(word) for word in done.stdout.split())
        memory[statement].append(mebibytes)
        return took

    with on_cores(0):
        rounds = report.rounds(15)
        times = interleave({one: lambda one=one: contender(one) for one in statements}, rounds)
    memory = {statement: values[1:] for statement, values in memory.items()}
    again = f"{_BOTH} # again"
    for statement in ("import seatguard", "import seatguard_flask"):
        report.compare("import: time", times, statement, _FLASK, unit="ms")
        report.compare("import: time", times, statement, _BOTH, unit="ms", control=again)
        report.compare("import: memory", memory, statement, _BOTH, unit="MiB", control=again)


if __name__ == "__main__":
    command("What an import costs.", run)
