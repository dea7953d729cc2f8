from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from seatguard.catalog.model import Plan
from seatguard.catalog.rules import may_subscribe
from seatguard.decisions import Decision, Reason
from seatguard.errors import Denied, InvalidInput
from seatguard.records import MAX_COUNT, MAX_NAME, valid_count, valid_name, valid_slug

PLAN = Plan(
    id="p",
    tenant="t",
    slug="pro",
    name="Pro",
    active=True,
    current="v",
    created_at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC),
)


def test_an_active_plan_takes_subscribers():
    """An active plan says yes and names itself."""
    assert may_subscribe(PLAN) == Decision(True, Reason.ALLOWED, {"plan": "pro"})


def test_a_deactivated_plan_takes_none():
    """A deactivated plan says no, with a reason; asked for an exception it raises that very no."""
    decision = may_subscribe(replace(PLAN, active=False))
    assert decision == Decision(False, Reason.PLAN_INACTIVE, {"plan": "pro"})
    with pytest.raises(Denied) as denied:
        decision.require()
    assert denied.value.decision is decision


@pytest.mark.parametrize("slug", ["a", "0", "pro", "pro-plan-2", "a-b-c", "x" * 64])
def test_slugs(slug):
    """Lower-case letters, digits and single hyphens between them, at most 64."""
    assert valid_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "Pro",
        "Pro Plan",
        "pro plan",
        "--",
        "-pro",
        "pro-",
        "pro--plan",
        "pro_plan",
        "prö",
        "pro\n",
        "x" * 65,
        "x" * 200,
        "٣",
        "\x00",
        "\ud800",
    ],
    ids=ascii,
)
def test_what_is_no_slug(slug):
    """Anything else is ``invalid_slug``, whatever it holds."""
    with pytest.raises(InvalidInput) as caught:
        valid_slug(slug)
    assert (caught.value.code, caught.value.problems[0].field) == ("invalid_slug", "slug")


@pytest.mark.parametrize("slug", [None, 7, True, b"pro", ["pro"]])
def test_a_slug_is_text(slug):
    """A number, bytes or nothing at all is ``string_expected``."""
    with pytest.raises(InvalidInput) as caught:
        valid_slug(slug, field="plan")
    assert (caught.value.code, caught.value.problems[0].field) == ("string_expected", "plan")


@pytest.mark.parametrize("count", [0, 1, 100, MAX_COUNT])
def test_counts(count):
    """A count is a whole number from 0 to 2^31-1; 0 is one of them."""
    assert valid_count(count, field="limit") == count


@pytest.mark.parametrize(
    ("count", "code"),
    [
        (-1, "out_of_range"),
        (2**31, "out_of_range"),
        (2**63, "out_of_range"),
        (10**40, "out_of_range"),
        (1.5, "integer_expected"),
        (1.0, "integer_expected"),
        (float("nan"), "integer_expected"),
        (float("inf"), "integer_expected"),
        ("100", "integer_expected"),
        ("", "integer_expected"),
        (True, "integer_expected"),
        (False, "integer_expected"),
        (None, "integer_expected"),
        ([1], "integer_expected"),
    ],
    ids=repr,
)
def test_what_is_no_count(count, code):
    """A bool, a float, a string or a number out of range is refused, and the field is named."""
    with pytest.raises(InvalidInput) as caught:
        valid_count(count, field="limit")
    assert (caught.value.code, caught.value.problems[0].field) == (code, "limit")


@pytest.mark.parametrize("name", ["A", "Acme Ltd", "=HYPERLINK(1)", "名前", "Ünïcødé ☂", "x" * MAX_NAME])
def test_names(name):
    """A name is what people write, stored as it is."""
    assert valid_name(name) == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "required"),
        ("   ", "required"),
        ("x" * (MAX_NAME + 1), "too_long"),
        ("a\x00b", "invalid_characters"),
        ("a\nb", "invalid_characters"),
        ("a\u202eb", "invalid_characters"),
        ("a\u200bb", "invalid_characters"),
        ("a\ud800b", "invalid_characters"),
        (" a", "invalid_characters"),
        ("a ", "invalid_characters"),
        (None, "string_expected"),
        (7, "string_expected"),
        (b"a", "string_expected"),
    ],
    ids=ascii,
)
def test_what_is_no_name(name, code):
    """A name is 1 to 200 printable characters without white space at its ends.

    Stores that pad text would take two such names for one.
    """
    with pytest.raises(InvalidInput) as caught:
        valid_name(name, field="external_id")
    assert (caught.value.code, caught.value.problems[0].field) == (code, "external_id")
