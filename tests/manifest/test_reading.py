"""A manifest is read strictly, and everything wrong with it is told at once."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatguard.errors import InvalidInput
from seatguard.manifest import (
    ClientSpec,
    Manifest,
    PlanSpec,
    ProjectSpec,
    ServiceSpec,
    UserSpec,
    from_json,
    from_toml,
    read,
    to_json,
    to_toml,
)

FULL = """
[[plans]]
slug = "team"
name = "Team plan"
seats = 100

[[plans]]
slug = "open"
seats = "unlimited"

[[plans]]
slug = "none"
seats = 0
active = false

[[clients]]
name = "Acme"
external_id = "crm-7"
state = "suspended"

[[clients.projects]]
name = "Shop"
domains = ["Shop.Example.com", "*.example.com", "localhost"]
allow_dev_domains = true
allow_wildcards = true
keys = 2

[[clients.projects.services]]
type = "web"
plan = "team"
expiry = "2027-12-31"
timezone = "Europe/Berlin"

[[clients.projects.services.users]]
username = "ada"
email = "ada@example.com"

[[clients.projects.services]]
type = "mobile"
mode = "test"
limit = 5
overage = "+10%"
starts = 2026-01-01
expiry = "never"
grace_days = 3
state = "past_due"
"""


def problems(text: str, read: object = from_toml) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        read(text)  # type: ignore[operator]
    return {problem.field: problem.code for problem in caught.value.problems}


def test_every_field_is_read() -> None:
    """What the file says is what the manifest says; domains are in their one spelling."""
    assert from_toml(FULL) == Manifest(
        plans=(
            PlanSpec(slug="team", name="Team plan", seats=100),
            PlanSpec(slug="open", seats=None),
            PlanSpec(slug="none", seats=0, active=False),
        ),
        clients=(
            ClientSpec(
                name="Acme",
                external_id="crm-7",
                state="suspended",
                projects=(
                    ProjectSpec(
                        name="Shop",
                        domains=("shop.example.com", "*.example.com", "localhost"),
                        allow_dev_domains=True,
                        allow_wildcards=True,
                        keys=2,
                        services=(
                            ServiceSpec(
                                type="web",
                                plan="team",
                                expiry=dt.date(2027, 12, 31),
                                timezone="Europe/Berlin",
                                users=(UserSpec(username="ada", email="ada@example.com"),),
                            ),
                            ServiceSpec(
                                type="mobile",
                                mode="test",
                                limit=5,
                                overage="+10%",
                                starts=dt.date(2026, 1, 1),
                                expiry="never",
                                grace_days=3,
                                state="past_due",
                            ),
                        ),
                    ),
                ),
            ),
        ),
    )


def test_a_file_is_read_by_its_suffix(tmp_path: Path) -> None:
    """TOML and JSON of the same content are the same manifest."""
    toml, as_json = tmp_path / "seats.toml", tmp_path / "seats.json"
    toml.write_text(FULL)
    as_json.write_text(to_json(from_toml(FULL)))
    assert read(toml) == read(as_json)


def test_all_problems_are_told_each_with_its_path() -> None:
    """One run tells everything there is to cure."""
    assert problems(
        """
        colour = "red"
        [[plans]]
        slug = "Team"
        seat = 5
        [[clients]]
        external_id = 7
        [[clients.projects]]
        name = "Shop"
        domains = ["https://shop.example.com", "localhost"]
        colour = "red"
        keys = 3
        [[clients.projects.services]]
        expiry = 2027-12-31T00:00:00Z
        timezone = "Mars"
        overage = "+x"
        state = "activ"
        grace_days = 400
        [[clients.projects.services.users]]
        username = "ada "
        email = "nobody"
        """
    ) == {
        "colour": "unknown_key",
        "plans[0].slug": "invalid_slug",
        "plans[0].seat": "unknown_key",
        "clients[0].name": "required",
        "clients[0].external_id": "string_expected",
        "clients[0].projects[0].domains[0]": "domain_not_url",
        "clients[0].projects[0].domains[1]": "domain_not_allowed",
        "clients[0].projects[0].colour": "unknown_key",
        "clients[0].projects[0].keys": "out_of_range",
        "clients[0].projects[0].services[0].limit": "required",
        "clients[0].projects[0].services[0].expiry": "invalid_date",
        "clients[0].projects[0].services[0].timezone": "invalid_timezone",
        "clients[0].projects[0].services[0].overage": "invalid_overage",
        "clients[0].projects[0].services[0].state": "invalid_choice",
        "clients[0].projects[0].services[0].grace_days": "out_of_range",
        "clients[0].projects[0].services[0].users[0].username": "invalid_characters",
        "clients[0].projects[0].services[0].users[0].email": "invalid_email",
    }


def test_an_unknown_key_comes_with_the_one_that_was_meant() -> None:
    """A typing error is told with its cure."""
    with pytest.raises(InvalidInput, match="did you mean 'seats'"):
        from_toml('plans = [{slug = "team", seets = 1}]')


@pytest.mark.parametrize(
    ("service", "field", "code"),
    [
        ("limit = true", "limit", "integer_expected"),
        ("limit = 5.0", "limit", "integer_expected"),
        ('limit = "5"', "limit", "integer_expected"),
        ("limit = -1", "limit", "out_of_range"),
        ("limit = 2147483648", "limit", "out_of_range"),
        ("limit = 5\nunlimited = true", "unlimited", "contradiction"),
        ('plan = "a"\nunlimited = 1', "unlimited", "boolean_expected"),
        ("unlimited = false", "limit", "required"),
        ('limit = 5\nmode = "beta"', "mode", "invalid_choice"),
        ('limit = 5\ntype = ""', "type", "required"),
        ('limit = 5\nexpiry = "2027-02-30"', "expiry", "invalid_date"),
        ('limit = 5\nstarts = "2027-02-02"\nexpiry = "2027-02-01"', "expiry", "invalid_date_range"),
        ("limit = 5\nusers = [1]", "users[0]", "table_expected"),
        ("limit = 5\nusers = {}", "users", "list_expected"),
        ('limit = 5\nusers = [{username = "a"}, {username = "a"}]', "users[1]", "duplicate"),
    ],
)
def test_a_wrong_value_in_a_service_is_named(service: str, field: str, code: str) -> None:
    """Every kind of wrong value has one problem, at its own path."""
    text = (
        f'[[clients]]\nname = "A"\n[[clients.projects]]\nname = "P"\n[[clients.projects.services]]\n{service}'
    )
    assert problems(text) == {f"clients[0].projects[0].services[0].{field}": code}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('plans = [{slug = "a", seats = 1}, {slug = "a", seats = 2}]', "plans[1]"),
        ('clients = [{name = "A"}, {name = "A"}]', "clients[1]"),
        ('clients = [{name = "A", external_id = "1"}, {name = "B", external_id = "1"}]', "clients[1]"),
        ('clients = [{name = "A", projects = [{name = "P"}, {name = "P"}]}]', "clients[0].projects[1]"),
    ],
)
def test_the_same_thing_twice_is_refused(text: str, field: str) -> None:
    """A file that says two things about one record says neither."""
    assert problems(text) == {field: "duplicate"}


def test_clients_of_one_name_are_told_apart_by_external_id() -> None:
    """Only what identifies a client must be unique."""
    text = 'clients = [{name = "A", external_id = "1"}, {name = "A", external_id = "2"}, {name = "A"}]'
    assert len(from_toml(text).clients) == 3


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "3",
        "null",
        '{"plans": {}}',
        '{"plans": [[]]}',
        '{"clients": "x"}',
        '{"plans": [{"slug": null}]}',
    ],
)
def test_json_of_another_shape_is_refused(text: str) -> None:
    """No shape whatever ends in a traceback."""
    assert problems(text, from_json)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no JSON"),
        ('{"plans": [], "plans": []}', "'plans' twice"),
        ('{"plans": [{"slug": "a", "seats": NaN}]}', "NaN is no number"),
        ("[" * 100_000, "nested too deep"),
        (f'{{"plans": {"9" * 5000}}}', "too long"),
    ],
)
def test_text_that_is_no_json_is_refused(text: str, told: str) -> None:
    """Duplicate members and NaN are refused too: two readers would disagree about them."""
    with pytest.raises(InvalidInput, match=told):
        from_json(text, name="seats.json")


@pytest.mark.parametrize("text", ["plans = ", "a = 1\na = 2", "x = " + "[" * 10_000, "\x00"])
def test_text_that_is_no_toml_is_refused_by_the_name_of_the_file(text: str) -> None:
    """An error of syntax names the file and the place."""
    with pytest.raises(InvalidInput, match=r"^seats\.toml: "):
        from_toml(text, name="seats.toml")


def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path: Path) -> None:
    """A missing file, a folder, another format and another encoding are all bad input."""
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe4'")
    for name in ("missing.toml", "folder.toml", "latin.toml", "seats.yaml"):
        with pytest.raises(InvalidInput, match=name):
            read(tmp_path / name)


def test_an_empty_file_says_nothing() -> None:
    """Nothing is a manifest too."""
    assert from_toml("") == from_json("{}") == Manifest()


names = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
plans = st.builds(
    PlanSpec,
    slug=st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
    name=st.none() | names,
    seats=st.none() | st.integers(0, 2**31 - 1),
    active=st.none() | st.booleans(),
)
services = st.builds(
    ServiceSpec,
    type=names,
    mode=st.sampled_from(["live", "test"]),
    limit=st.integers(0, 2**31 - 1),
    expiry=st.none() | st.just("never") | st.dates(dt.date(2000, 1, 1), dt.date(9000, 1, 1)),
    grace_days=st.none() | st.integers(0, 366),
)
manifests = st.builds(
    Manifest,
    plans=st.lists(plans, unique_by=lambda plan: plan.slug, max_size=3).map(tuple),
    clients=st.lists(
        st.builds(
            ClientSpec,
            name=names,
            external_id=st.none() | names,
            projects=st.lists(
                st.builds(
                    ProjectSpec,
                    name=names,
                    keys=st.integers(0, 2),
                    services=st.lists(services, max_size=2).map(tuple),
                ),
                unique_by=lambda project: project.name,
                max_size=2,
            ).map(tuple),
        ),
        unique_by=lambda client: client.identity,
        max_size=3,
    ).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(manifests)
def test_what_is_written_is_read_again(manifest: Manifest) -> None:
    """Both writers lose nothing, whatever the names are."""
    assert from_toml(to_toml(manifest)) == manifest
    assert from_json(to_json(manifest)) == manifest
    assert json.loads(to_json(manifest)).keys() <= {"plans", "clients"}
