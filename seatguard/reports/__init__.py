"""What operators look at: lists over several slices, counts, and what happened by the day.

Words
    *standing*: the one word an operator reads about a service (active, expiring, full is not one).
    *view*: a list of services that standing in it share; views overlap. *utilization*: seats taken
    of the limit, as the counter has them.

Invariants
    Reads only. A view's count and a view's list come from one condition, so they agree. Percentages
    are rounded down: only a full service shows 100.
"""

from seatguard.reports.model import Standing, View

__all__ = ["Standing", "View"]
