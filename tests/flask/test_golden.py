"""Every answer as it is documented: members, order, types, sentences, status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from seatguard_flask.openapi import document
from tests.flask.conftest import PREFIX, World

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
DOCUMENTED = {
    "validate_allowed": ["status", "allowed", "message", "data"],
    "validate_full": ["status", "allowed", "message", "data"],
    "register_done": ["status", "message", "data"],
}
DOCUMENTED_DATA = {
    "validate_allowed": ["service_id", "type", "limit", "current", "expiry"],
    "validate_full": ["limit", "current", "expiry"],
    "register_done": ["id", "username", "service_id", "new_count"],
}


def prepared(world: World, golden: dict[str, Any]) -> None:
    if golden["service"] is not None:
        world.service(**golden["service"])
    where = world.engine.where(world.project_id)
    for number in range(golden["users"]):
        world.engine.seats.take(world.me, where, f"user{number + 1}").require()
    for number in range(golden.get("holds", 0)):
        world.engine.seats.hold(world.me, where, f"guest{number + 1}", seconds=60).require()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_an_answer_is_as_it_is_written_down(world: World, path: Path) -> None:
    """Same members in the same order, same types, same sentences, same status."""
    golden = json.loads(path.read_text())
    prepared(world, golden)
    answer = world.api.post(golden["path"], **golden["send"])
    assert answer.status_code == golden["status"]
    got = json.loads(answer.data)
    assert list(got) == list(golden["body"])
    expected = filled(golden["body"], got)
    assert json.dumps(got) == json.dumps(expected)


def filled(expected: Any, got: Any) -> Any:
    """What is expected, with any text where ``<...>`` stands."""
    if isinstance(expected, dict):
        return {name: filled(value, got.get(name)) for name, value in expected.items()}
    if expected == "<...>":
        assert isinstance(got, str)
        assert got
        return got
    return expected


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_members_come_first_and_others_are_listed(name: str) -> None:
    """A caller who reads the published description finds exactly it; what we add is named as added."""
    golden = json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text())
    members = list(golden["body"])
    documented = DOCUMENTED[name]
    assert members[: len(documented)] == documented
    assert members[len(documented) :] == [one for one in golden["added"] if "." not in one]
    assert list(golden["body"]["data"]) == DOCUMENTED_DATA[name]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_openapi_document_describes_the_answer(path: Path) -> None:
    """Every golden body satisfies the schema that the document gives for its route and status."""
    golden = json.loads(path.read_text())
    described = document(PREFIX)
    response = described["paths"][PREFIX + golden["path"]]["post"]["responses"][str(golden["status"])]
    (content,) = response["content"].values()
    schema = {**content["schema"], "components": described["components"]}
    Draft202012Validator(schema).validate(golden["body"])


def test_types_are_json_types(api: Any) -> None:
    """Numbers are numbers and dates are YYYY-MM-DD, not text in the one and instants in the other."""
    data = api.validate().get_json()["data"]
    assert [type(data[name]) for name in ("service_id", "type", "limit", "current", "expiry")] == [
        int,
        str,
        int,
        int,
        str,
    ]
    assert data["expiry"] == "2027-12-31"


def test_a_type_with_quotes_is_encoded(world: World) -> None:
    """The pre-encoded body stays JSON whatever a service is called."""
    world.service(limit=5, type='the "best" \\ größte')
    assert world.api.validate().get_json()["data"]["type"] == 'the "best" \\ größte'
