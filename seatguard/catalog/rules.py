"""Who may still subscribe, and what a plan may say of itself."""

from __future__ import annotations

from seatguard.catalog.model import Plan
from seatguard.catalog.offers import Offer
from seatguard.decisions import Decision, Reason
from seatguard.errors import InvalidInput
from seatguard.records import MAX_COUNT

MAX_DESCRIPTION = 1000


def may_subscribe(plan: Plan) -> Decision[dict[str, str]]:
    """Whether a plan takes a new subscription."""
    facts = {"plan": plan.slug}
    if not plan.active:
        return Decision(False, Reason.PLAN_INACTIVE, facts)
    return Decision(True, Reason.ALLOWED, facts)


def check_seats(seats: int | None, offer: Offer) -> None:
    """Refuse a number of seats that the offer's own bounds leave out.

    Raises:
        InvalidInput: on ``seats``.
    """
    if seats is not None and seats < offer.min_seats:
        raise InvalidInput.single(
            "seats", "out_of_range", f"must be at least min_seats, {offer.min_seats}, not {seats}"
        )
    if offer.max_seats is not None and (seats is None or seats > offer.max_seats):
        given = "unlimited" if seats is None else seats
        raise InvalidInput.single(
            "seats", "out_of_range", f"must be at most max_seats, {offer.max_seats}, not {given}"
        )


def valid_order(value: object) -> int:
    """A place in a list, which may be negative.

    >>> valid_order(-1)
    -1
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput.single(
            "display_order", "integer_expected", f"must be a whole number, not {value!r}"
        )
    if not -MAX_COUNT <= value <= MAX_COUNT:
        raise InvalidInput.single(
            "display_order", "out_of_range", f"must be {-MAX_COUNT} to {MAX_COUNT}, not {value}"
        )
    return value


def valid_description(text: object) -> str | None:
    """A text of a few lines, or none."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidInput.single("description", "string_expected", f"must be a string, not {text!r}")
    if len(text) > MAX_DESCRIPTION:
        raise InvalidInput.single(
            "description", "too_long", f"must be at most {MAX_DESCRIPTION} characters, not {len(text)}"
        )
    if not all(character.isprintable() or character == "\n" for character in text):
        raise InvalidInput.single(
            "description", "invalid_characters", "must hold printable characters and line ends only"
        )
    return text
