"""Numbers as the geometry of an SVG. Pure; the templates draw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a rectangle with its value and its place in the series."""

    x: float
    y: float
    width: float
    height: float
    value: int
    at: int


def bars(
    values: Sequence[int], *, width: float = 600, top: float = 0, height: float = 120, most: int | None = None
) -> list[Bar]:
    """Bars that stand on ``top + height``; a value above 0 is never invisible.

    >>> bars([0, 2, 4], width=30, height=8)[2]
    Bar(x=21.0, y=0.0, width=8.0, height=8.0, value=4, at=2)
    """
    highest = max(most if most is not None else max(values, default=0), 1)
    step = width / max(len(values), 1)
    gap = min(2.0, step / 4)
    drawn = []
    for at, value in enumerate(values):
        tall = 0.0 if value == 0 else max(2.0, round(height * value / highest, 1))
        drawn.append(
            Bar(
                round(at * step + gap / 2, 1),
                round(top + height - tall, 1),
                round(step - gap, 1),
                tall,
                value,
                at,
            )
        )
    return drawn


def hanging(values: Sequence[int], *, width: float = 600, top: float = 123, height: float = 20) -> list[Bar]:
    """Bars that hang from ``top``, for what was refused."""
    return [
        Bar(bar.x, top, bar.width, bar.height, bar.value, bar.at)
        for bar in bars(values, width=width, height=height)
    ]


def line(values: Sequence[int], *, width: float = 84, height: float = 26) -> str:
    """The points of a line from the lowest value to the highest; one that never changes lies at the foot.

    >>> line([1, 2, 3], width=20, height=12)
    '0.0,11.0 10.0,6.0 20.0,1.0'
    """
    low, high = min(values, default=0), max(values, default=0)
    step, tall = width / max(len(values) - 1, 1), (height - 2) / max(high - low, 1)
    points = [
        (round(at * step, 1), round(height - 1 - (value - low) * tall, 1)) for at, value in enumerate(values)
    ]
    return " ".join(f"{x},{y}" for x, y in points)


def ceiling(values: Sequence[int]) -> int:
    """A round number at or above the largest, for the scale.

    >>> ceiling([3]), ceiling([43]), ceiling([]), ceiling([1001])
    (4, 50, 1, 2000)
    """
    most = max(values, default=0)
    scale = 1
    while True:
        for factor in (1, 2, 4, 5):
            if factor * scale >= max(most, 1):
                return factor * scale
        scale *= 10
