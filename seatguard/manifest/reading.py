"""Manifests read from TOML or JSON, strictly: every problem is told, each with its path in the file."""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias

from seatguard.catalog.addons import MEMBERS as ADDON_MEMBERS
from seatguard.catalog.features import Definition, FeatureKind
from seatguard.catalog.offers import Offer
from seatguard.catalog.rules import valid_description, valid_order
from seatguard.catalog.values import valid_feature_name, valid_permission
from seatguard.clients.model import ClientState
from seatguard.entitlements.overrides import merged
from seatguard.errors import InvalidInput, Problem
from seatguard.manifest.model import (
    NEVER,
    AddOnSpec,
    ClientSpec,
    Expiry,
    FeatureSpec,
    Manifest,
    OptionsSpec,
    PlanSpec,
    ProductSpec,
    ProjectSpec,
    ServiceSpec,
    SubscriberSpec,
    UserSpec,
)
from seatguard.manifest.tables import Check, Table, either
from seatguard.projects.domains import normalize_pattern
from seatguard.projects.rules import MAX_LIVE_KEYS
from seatguard.records import valid_count, valid_name, valid_slug
from seatguard.seats import holders
from seatguard.subscriptions import rules
from seatguard.subscriptions.model import DEFAULT_TYPE, Overage, SubscriptionState

UNLIMITED: Literal["unlimited"] = "unlimited"
_Limit: TypeAlias = int | Literal["unlimited"]


def read(path: Path | str) -> Manifest:
    """The manifest in a file, TOML or JSON by its suffix.

    Raises:
        InvalidInput: the file cannot be read or understood; all its problems at once, each with its path.
    """
    path = Path(path)
    parse = {".toml": from_toml, ".json": from_json}.get(path.suffix.lower())
    if parse is None:
        _refuse(str(path), "unknown_format", "must be a file named *.toml or *.json")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        _refuse(str(path), "unreadable", f"cannot be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        _refuse(str(path), "unreadable", f"is not UTF-8 text: byte {error.start} cannot be read")
    return parse(text, name=str(path))


def from_toml(text: str, *, name: str = "manifest") -> Manifest:
    """The manifest in a TOML text.

    Args:
        name: what to call the text in an error of its syntax.

    Raises:
        InvalidInput: all problems at once, each with its path.

    >>> from_toml('plans = [{slug = "team", seats = 100}]').plans[0].slug
    'team'
    >>> from_toml('plans = [{slug = "team", seat = 100}]')
    Traceback (most recent call last):
    ...
    seatguard.errors.InvalidInput: plans[0].seat: is no known key; did you mean 'seats'?
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _refuse(name, "invalid_toml", f"is no TOML: {error}")
    except (RecursionError, ValueError):
        _refuse(name, "invalid_toml", "cannot be read: nested too deep, or a number is too long")
    return _manifest(found)


def from_json(text: str, *, name: str = "manifest") -> Manifest:
    """The manifest in a JSON text; ``null`` is the same as leaving the member out.

    Raises:
        InvalidInput: all problems at once, each with its path.

    >>> from_json('{"clients": [{"name": "Acme"}]}').clients[0].name
    'Acme'
    """

    def no_constant(constant: str) -> NoReturn:
        _refuse(name, "invalid_json", f"{constant} is no number in JSON")

    def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            seen: set[str] = set()
            twin = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            _refuse(name, "invalid_json", f"has the member {twin!r} twice in one object")
        return members

    try:
        found = json.loads(text, parse_constant=no_constant, object_pairs_hook=no_twins)
    except json.JSONDecodeError as error:
        _refuse(name, "invalid_json", f"is no JSON: {error}")
    except (RecursionError, ValueError):
        _refuse(name, "invalid_json", "cannot be read: nested too deep, or a number is too long")
    return _manifest(found)


def _refuse(field: str, code: str, message: str) -> NoReturn:
    raise InvalidInput.single(field, code, message)


def _manifest(found: object) -> Manifest:
    problems: list[Problem] = []
    root = Table(found, "", problems)
    manifest = Manifest(
        options=_options(root),
        defaults=root.get("defaults", _grants, {}),
        products=root.tables("products", _product),
        features=root.tables("features", _feature),
        addons=root.tables("addons", _addon),
        plans=root.tables("plans", _plan),
        clients=root.tables("clients", _client),
        users=root.tables("users", _subscriber),
    )
    root.distinct("products", (product.slug for product in manifest.products))
    root.distinct("features", (feature.name for feature in manifest.features))
    root.distinct("addons", (addon.slug for addon in manifest.addons))
    root.distinct("plans", (plan.slug for plan in manifest.plans))
    root.distinct("clients", (client.name and client.identity for client in manifest.clients))
    root.distinct("users", (user.user and (user.user, user.plan) for user in manifest.users))
    root.close()
    if problems:
        raise InvalidInput(problems)
    return manifest


def _options(root: Table) -> OptionsSpec | None:
    value = root.given(("options",)).get("options")
    if value is None:
        return None
    table = root.inner("options", value)
    options = OptionsSpec(
        one_plan_per_user=table.get("one_plan_per_user", _flag, None),
        scopes=table.items("scopes", valid_permission) if table.has("scopes") else None,
    )
    table.names("scopes")
    table.close()
    return options


def _product(table: Table) -> ProductSpec:
    return ProductSpec(
        slug=table.need("slug", valid_slug),
        name=table.get("name", valid_name, None),
        description=table.get("description", valid_description, None),
        active=table.get("active", _flag, None),
    )


def _feature(table: Table) -> FeatureSpec:
    name = table.need("name", valid_feature_name)
    kind = table.need("kind", _one_of(FeatureKind))
    given = table.given(one.name for one in dataclasses.fields(Definition))
    if kind:
        checked = Definition()
        checked = table.checked(lambda: Definition.from_data(FeatureKind(kind), given), checked)
        data = checked.to_data()
        given = {member: data.get(member) for member in given}
    return FeatureSpec(name=name, kind=kind, definition=given)


def _addon(table: Table) -> AddOnSpec:
    return AddOnSpec(
        slug=table.need("slug", valid_slug),
        name=table.get("name", valid_name, None),
        seats=table.get("seats", _count, None),
        most=table.get("most", _count, None),
        active=table.get("active", _flag, None),
        offer=_offer(table, ADDON_MEMBERS),
    )


def _plan(table: Table) -> PlanSpec:
    return PlanSpec(
        slug=table.need("slug", valid_slug),
        name=table.get("name", valid_name, None),
        seats=table.get("seats", _seats, None),
        active=table.get("active", _flag, None),
        product=table.get("product", valid_slug, None),
        description=table.get("description", valid_description, None),
        display_order=table.get("display_order", valid_order, None),
        offer=_offer(table, [one.name for one in dataclasses.fields(Offer)]),
    )


def _offer(table: Table, members: Iterable[str]) -> Mapping[str, Any]:
    given = table.given(members)
    data = table.checked(lambda: Offer.from_data(given), Offer()).to_data()
    return {member: data.get(member) for member in given}


def _grants(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _refuse("", "table_expected", "must be a table")
    return merged(Offer(), value).to_data()


def _subscriber(table: Table) -> SubscriberSpec:
    subscriber = SubscriberSpec(
        user=table.need("user", lambda text: holders.normalize(text, fold_case=False).name),
        plan=table.get("plan", valid_slug, None),
        ends_at=table.get("ends_at", _instant, None),
        grants=table.get("grants", _grants, {}),
    )
    if subscriber.plan is None and subscriber.ends_at is not None:
        table.problem("ends_at", "contradiction", "is the end of a plan: name it")
    return subscriber


def _client(table: Table) -> ClientSpec:
    client = ClientSpec(
        name=table.need("name", valid_name),
        external_id=table.get("external_id", valid_name, None),
        state=table.get("state", _one_of(ClientState), None),
        projects=table.tables("projects", _project),
    )
    table.distinct("projects", (project.name for project in client.projects))
    return client


def _project(table: Table) -> ProjectSpec:
    dev = table.get("allow_dev_domains", _flag, None)
    wildcards = table.get("allow_wildcards", _flag, None)

    def domain(value: object) -> str:
        return normalize_pattern(value, allow_wildcard=wildcards is True, allow_dev=dev is True)

    return ProjectSpec(
        name=table.need("name", valid_name),
        domains=tuple(dict.fromkeys(table.items("domains", domain))),
        allow_dev_domains=dev,
        allow_wildcards=wildcards,
        keys=table.get("keys", _keys, 1),
        services=table.tables("services", _service),
    )


def _service(table: Table) -> ServiceSpec:
    limit = table.get("limit", _limit, None)
    service = ServiceSpec(
        type=table.get("type", valid_name, DEFAULT_TYPE),
        mode=table.get("mode", _one_of(("live", "test")), "live"),
        plan=table.get("plan", valid_slug, None),
        limit=limit if isinstance(limit, int) else None,
        unlimited=table.get("unlimited", _flag, False) or limit == UNLIMITED,
        overage=table.get("overage", lambda text: Overage.parse(text).text, None),
        starts=table.get("starts", lambda day: rules.valid_date(day, field=""), None),
        expiry=table.get("expiry", _expiry, None),
        timezone=table.get("timezone", rules.valid_timezone, None),
        grace_days=table.get("grace_days", _grace, None),
        state=table.get("state", _one_of(SubscriptionState), None),
        addons=table.get("addons", _addons, {}),
        grants=table.get("grants", _grants, {}),
        users=table.tables("users", _user),
    )
    if service.limit is not None and service.unlimited:
        table.problem("unlimited", "contradiction", "cannot stand beside a limit: leave one of them out")
    if not (service.unlimited or table.has("plan") or table.has("limit")):
        table.problem("limit", "required", "is missing: give a plan, a limit, or unlimited = true")
    if isinstance(service.expiry, dt.date) and service.starts and service.expiry < service.starts:
        table.problem("expiry", "invalid_date_range", f"is before the first day {service.starts}")
    table.distinct("users", (user.username for user in service.users))
    return service


def _user(table: Table) -> UserSpec:
    return UserSpec(
        # Spelled in full, not folded: whether two cases are one holder is the engine's to know.
        username=table.need("username", lambda text: holders.normalize(text, fold_case=False).name),
        email=table.get("email", holders.normalize_email, None),
    )


def _count(value: object) -> int:
    return valid_count(value, field="")


def _limit(value: object) -> _Limit:
    return UNLIMITED if value == UNLIMITED else _count(value)


def _seats(value: object) -> int | None:
    limit = _limit(value)
    return limit if isinstance(limit, int) else None


def _keys(value: object) -> int:
    count = _count(value)
    if count > MAX_LIVE_KEYS:
        _refuse("", "out_of_range", f"must be 0 to {MAX_LIVE_KEYS}, not {count}")
    return count


def _grace(value: object) -> int:
    days = _count(value)
    if days > rules.MAX_GRACE_DAYS:
        _refuse("", "out_of_range", f"must be 0 to {rules.MAX_GRACE_DAYS}, not {days}")
    return days


def _expiry(value: object) -> Expiry:
    return NEVER if value == NEVER else rules.valid_date(value, field="")


def _addons(value: object) -> Mapping[str, int]:
    if not isinstance(value, Mapping):
        _refuse("", "table_expected", "must be a table of quantities by slug")
    return {valid_slug(slug, field=""): _count(quantity) for slug, quantity in value.items()}


def _instant(value: object) -> dt.datetime:
    found = value
    if isinstance(value, str):
        try:
            found = dt.datetime.fromisoformat(value)
        except ValueError:
            found = None
    if not isinstance(found, dt.datetime) or found.tzinfo is None:
        _refuse("", "invalid_date", f"{value!r} is no instant: write it like 2027-12-31T00:00:00+00:00")
    return found


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        _refuse("", "boolean_expected", f"must be true or false, not {value!r}")
    return value


def _one_of(names: Iterable[str]) -> Check[str]:
    choices = [str(name) for name in names]

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            close = difflib.get_close_matches(value, choices, n=1) if isinstance(value, str) else []
            hint = f"; did you mean {close[0]!r}?" if close else ""
            _refuse(
                "",
                "invalid_choice",
                f"must be {either([repr(name) for name in choices])}, not {value!r}{hint}",
            )
        return value

    return check
