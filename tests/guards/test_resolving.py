"""Which project a request is about, and which user: the ways, in their order."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import g, request

from seatguard import NotFound
from seatguard_flask import ProjectNotResolved
from tests.guards.conftest import Host


def serve(host: Host, rule: str = "/users", **options: Any) -> None:
    """A guarded view that makes a user of every request."""
    view = host.seats.consume(**options)(lambda **arguments: ({}, 201))
    host.app.add_url_rule(rule, "users", view, methods=["POST"])


def other(host: Host, name: str = "other", **options: Any) -> str:
    """Another project; its id."""
    return host.seats.project(name, limit=5, **options).id


def seats_in(host: Host, name: str) -> int:
    """How many seats a project has taken."""
    return host.seats.check(name).facts.usage.live


class TestProject:
    """Five ways."""

    @pytest.mark.parametrize("named", ["name", "id", "function"])
    def test_the_guard_says_it(self, host: Host, named: str) -> None:
        """By name, by id, or by a function of the request."""
        project: Any = {"name": "acme", "id": host.project.id, "function": lambda: request.args["of"]}[named]
        serve(host, project=project)
        assert host.post("/users?of=acme").status_code == 201
        assert seats_in(host, "acme") == 1

    def test_the_hook_finds_it(self, host: Host) -> None:
        """Asked when the guard does not say it."""

        @host.seats.project_resolver
        def of_the_tenant() -> str | None:
            return g.get("tenant")

        host.app.before_request(lambda: setattr(g, "tenant", request.headers.get("X-Tenant")))
        serve(host)
        assert host.post(headers={"X-Tenant": "acme"}).status_code == 201
        assert seats_in(host, "acme") == 1

    def test_the_route_has_it(self, host: Host) -> None:
        """A view argument `project_id`: id or name."""
        serve(host, "/projects/<project_id>/users")
        for name in ("acme", host.project.id):
            assert host.post(f"/projects/{name}/users").status_code == 201
        assert seats_in(host, "acme") == 2

    @pytest.mark.parametrize("name", ["nobody", "01a20000-0000-7000-8000-000000000001", "a%20b"])
    def test_a_project_that_there_is_not(self, host: Host, name: str) -> None:
        """What the request says is 404; what the guard says is a mistake of the host's."""
        serve(host, "/projects/<project_id>/users")
        answer = host.post(f"/projects/{name}/users")
        assert (answer.status_code, answer.get_json()["code"]) == (404, "project_not_found")
        with host.app.test_request_context(), pytest.raises(NotFound), host.seats.hold("nobody"):
            pass

    @pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
    def test_the_caller_proves_it(self, host: Host, header: str) -> None:
        """A project key; the journal names it. A test key takes no live seat."""
        serve(host)
        key = host.engine.projects.add_key(host.me, host.project.id)
        test_key = host.engine.projects.add_key(host.me, host.project.id, mode="test")
        prefix = "Bearer " if header == "Authorization" else ""
        assert host.post(headers={header: prefix + key.secret.reveal()}).status_code == 201
        assert host.entries("seat.taken")[-1].actor == f"key:{key.record.prefix}"
        assert host.post(headers={header: prefix + test_key.secret.reveal()}).status_code == 402
        assert seats_in(host, "acme") == 1

    def test_a_key_that_identifies_nobody(self, host: Host) -> None:
        """Revoked: 401. A key of the host's own kind is the host's own business."""
        serve(host)
        key = host.engine.projects.add_key(host.me, host.project.id)
        host.engine.projects.revoke_key(host.me, key.record.id)
        answer = host.post(headers={"X-API-Key": key.secret.reveal()})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid_credentials")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        host.seats.project_resolver(lambda: None)
        host.app.config["PROPAGATE_EXCEPTIONS"] = True
        for foreign in ("the-hosts-own", "1234567890123456"):
            with pytest.raises(ProjectNotResolved):
                host.post(headers={"X-API-Key": foreign})

    @pytest.mark.parametrize("name", ["acme.example", "acme.example:8443"])
    def test_the_host_is_registered(self, new_host: Callable[..., Host], name: str) -> None:
        """The request's host is a domain of one project, and of a host that the app trusts."""
        host = new_host(TRUSTED_HOSTS=["acme.example", "shared.example"])
        serve(host)
        assert host.post(headers={"Host": name}).status_code == 201
        assert seats_in(host, "acme") == 1

    def test_a_host_of_two_projects_is_none(self, new_host: Callable[..., Host]) -> None:
        """Nobody can tell which of them is meant."""
        host = new_host(TRUSTED_HOSTS=["acme.example"], PROPAGATE_EXCEPTIONS=True)
        other(host, domains=["acme.example"])
        serve(host)
        with pytest.raises(ProjectNotResolved):
            host.post(headers={"Host": "acme.example"})

    def test_a_host_that_nobody_vouches_for_is_none(self, new_host: Callable[..., Host]) -> None:
        """Without `TRUSTED_HOSTS` anybody may send any name; with it, a foreign name is refused."""
        host = new_host(PROPAGATE_EXCEPTIONS=True)
        serve(host)
        with pytest.raises(ProjectNotResolved, match="TRUSTED_HOSTS"):
            host.post(headers={"Host": "acme.example"})
        strict = new_host(TRUSTED_HOSTS=["shop.example"])
        serve(strict)
        assert strict.post(headers={"Host": "acme.example"}).status_code == 400

    def test_the_first_way_wins(self, new_host: Callable[..., Host]) -> None:
        """In the documented order; a way that answers `None` leaves it to the next."""
        host = new_host(TRUSTED_HOSTS=["five.example"])
        ids = {
            name: other(host, name, domains=[f"{name}.example"])
            for name in ("one", "two", "three", "four", "five")
        }
        key = host.engine.projects.add_key(host.me, ids["four"]).secret.reveal()
        said: dict[str, str | None] = {"one": "one", "two": "two"}
        host.seats.project_resolver(lambda: said["two"])
        view = host.seats.consume(project=lambda: said["one"])(lambda **arguments: ({}, 201))
        host.app.add_url_rule("/<project_id>/users", "routed", view, methods=["POST"])
        host.app.add_url_rule("/users", "users", view, methods=["POST"])
        headers = {"Host": "five.example", "X-API-Key": key}

        def where() -> str:
            return next(name for name in ids if seats_in(host, name) == 1)

        for expected, path in (("one", "/three/users"), ("two", "/three/users"), ("three", "/three/users")):
            host.post(path, headers=headers)
            assert seats_in(host, expected) == 1
            said[expected] = None
        host.post(headers=headers)
        assert seats_in(host, "four") == 1
        host.post(headers={"Host": "five.example"})
        assert [seats_in(host, name) for name in ids] == [1] * 5

    def test_advice_finds_it_too(self, host: Host) -> None:
        """A template asks `seats.check()` without saying of what."""
        host.seats.project_resolver(lambda: "acme")
        host.app.get("/new")(lambda: {"room": host.seats.check().allowed})
        assert host.client.get("/new").get_json() == {"room": True}


class TestSubject:
    """Who will sit there."""

    @pytest.mark.parametrize(
        ("sent", "holder"),
        [
            ({"json": {"user": "Ada"}}, "Ada"),
            ({"json": {"user": 7}}, "7"),
            ({"json": {"user": " ada "}}, "ada"),
            ({"data": {"user": "ada"}}, "ada"),
            ({"data": {"user": " ada\n"}}, "ada"),
        ],
    )
    def test_a_field_of_the_body_names_it(self, host: Host, sent: dict[str, Any], holder: str) -> None:
        """JSON or form, trimmed as a form's own reader does it; a number is a name as well."""
        serve(host, project="acme", subject="user")
        assert host.post(**sent).status_code == 201
        assert host.seated() == {holder: "assigned"}

    def test_a_view_argument_names_it(self, host: Host) -> None:
        """Before any field of the body."""
        serve(host, "/users/<int:user>", project="acme", subject="user")
        host.post("/users/7", json={"user": "other"})
        assert host.seated() == {"7": "assigned"}

    def test_a_function_names_it(self, host: Host) -> None:
        """Text, number or UUID."""
        names: list[object] = ["ada", uuid.UUID(int=7)]
        serve(host, project="acme", subject=lambda: names.pop(0))
        host.post()
        host.post()
        assert set(host.seated()) == {"ada", str(uuid.UUID(int=7))}

    @pytest.mark.parametrize(
        "sent",
        [
            {},
            {"json": {}},
            {"json": {"user": None}},
            {"json": {"user": ""}},
            {"json": {"user": {"name": "ada"}}},
            {"json": {"user": [""]}},
            {"json": ["ada"]},
            {"data": "{not json", "content_type": "application/json"},
            {"data": {"user": "  "}},
        ],
    )
    def test_without_one_the_seat_is_nobodys_yet(self, host: Host, sent: dict[str, Any]) -> None:
        """To say that the field is missing is the view's own task; its 400 costs no seat."""
        view = host.seats.consume(project="acme", subject="user")(
            lambda: ({}, request.args.get("status", 201))
        )
        host.app.add_url_rule("/users", "users", lambda: view(), methods=["POST"])
        assert host.post(**sent).status_code == 201
        (holder,) = host.seated()
        assert holder.startswith("unnamed-")

    @pytest.mark.parametrize("name", ["a\u0000b", "x" * 151, "a\u200bb"])
    def test_a_name_that_cannot_be_one(self, host: Host, name: str) -> None:
        """Refused before the view, with the reason; nothing is held."""
        serve(host, project="acme", subject="user")
        answer = host.post(json={"user": name})
        assert answer.status_code == 422
        assert answer.get_json()["code"] in ("invalid_characters", "too_long")
        assert host.taken() == (0, 0)
