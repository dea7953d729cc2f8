"""Features: what a name means."""

from __future__ import annotations

from typing import Any

import pytest

from seatguard import Conflict, InvalidInput, NotFound
from seatguard.catalog.features import Definition
from tests.worlds import Unchanged, World

FULL: dict[str, Any] = {
    "title": "Minutes of speech",
    "description": "Counted as they are transcribed.",
    "settings": {"period": "month", "rollover": 100},
    "default": 10,
    "display_order": 2,
    "public": False,
    "show_unlimited": False,
}


@pytest.fixture
def world() -> World:
    return World.in_memory()


def test_a_feature_is_defined_once_and_described_anew(world: World) -> None:
    """The same again writes nothing; another definition is one entry; the kind stays."""
    define = world.engine.features.define
    first = define(world.actor, "speech.minutes", kind="metered", definition=FULL)
    assert first.definition.to_data() == FULL
    assert Definition.from_stored(FULL) == first.definition
    with Unchanged(world):
        assert define(world.actor, "speech.minutes", kind="metered", definition=first.definition) == first
    second = define(world.actor, "speech.minutes", kind="metered", definition={"default": 20})
    assert (second.id, second.version, second.definition.default) == (first.id, 2, 20)
    assert world.engine.features.get(world.actor, "speech.minutes") == second
    assert world.engine.features.list(world.actor).items == (second,)
    assert world.kinds(subject=first.id) == ["feature.defined", "feature.redefined"]
    with Unchanged(world), pytest.raises(Conflict):
        define(world.actor, "speech.minutes", kind="rate")
    with pytest.raises(NotFound):
        world.engine.features.get(world.actor, "other")
    world.check()


@pytest.mark.parametrize(
    ("name", "kind", "definition", "field"),
    [
        ("", "boolean", {}, "name"),
        ("a.b.c", "boolean", {}, "name"),
        ("sso", "switch", {}, "kind"),
        ("sso", "boolean", {"colour": 1}, "colour"),
        ("sso", "boolean", {"settings": {"period": "day"}}, "settings"),
        ("sso", "boolean", {"default": 1}, "default"),
        ("m", "metered", {"settings": {"period": "fortnight"}}, "settings.period"),
        ("m", "metered", {"settings": {"window": 5}}, "settings.window"),
        ("m", "metered", {"settings": {"limit": 5}}, "settings"),
        ("m", "metered", {"settings": []}, None),
        ("m", "metered", {"settings": [1]}, "settings"),
        ("m", "metered", {"default": "many"}, "default"),
        ("r", "rate", {"settings": {"window": 0}}, "settings.window"),
        ("c", "concurrent", {"settings": {"takeover": "all"}}, "settings.takeover"),
        ("s", "static", {"options": ["a"], "default": "b"}, "default"),
        ("s", "static", {"options": "ab"}, "options"),
        ("s", "static", {"title": ""}, "title"),
        ("s", "static", {"public": 1}, "public"),
    ],
)
def test_broken_features_are_refused(
    world: World, name: str, kind: str, definition: dict[str, Any], field: str | None
) -> None:
    """By the field, before anything is written; an empty list of settings is none."""
    if field is None:
        world.engine.features.define(world.actor, name, kind=kind, definition=definition)
        return
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.features.define(world.actor, name, kind=kind, definition=definition)
    assert caught.value.problems[0].field == field
