"""What a guarded view's outcome means for the seat; every row for plain views and for coroutines."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, redirect, request, stream_with_context
from flask.views import MethodView

from seatguard_flask import Seatguard, SeatLimitReached, current_seat
from seatguard_flask.passage import MARK
from tests.guards.conftest import Host

Colour = Callable[[Callable[..., Any]], Callable[..., Any]]

TAKEN, FREE = (1, 0), (0, 0)


def serve(host: Host, view: Callable[..., Any], rule: str = "/users", **options: Any) -> None:
    """Guard a view and route it."""
    methods = options.pop("routed", ["POST"])
    options = {"project": "acme", **options}
    guarded = host.seats.consume(**options)(view)
    host.app.add_url_rule(rule, "users", guarded, methods=methods)


def streaming() -> Response:
    def parts() -> Iterator[str]:
        yield "made "
        yield "one"

    return Response(stream_with_context(parts()), 201, mimetype="text/plain")


@pytest.mark.parametrize(
    ("answer", "seats"),
    [
        (lambda: ({"id": 1}, 201), TAKEN),
        (lambda: {"id": 1}, TAKEN),
        (lambda: [1], TAKEN),
        (lambda: ("", 204), TAKEN),
        (lambda: redirect("/"), TAKEN),
        (lambda: redirect("/", 303), TAKEN),
        (lambda: Response("made", 201), TAKEN),
        (lambda: Response('{"id": 1}', mimetype="application/json"), TAKEN),
        (lambda: ("made", 201), TAKEN),
        (lambda: ("made", {"Content-Type": "text/plain"}), TAKEN),
        (lambda: ("made", 202, {"X-Made": "yes"}), TAKEN),
        (lambda: b"\x00" and Response(b"\x00", mimetype="application/octet-stream"), TAKEN),
        (streaming, TAKEN),
        (lambda: "<form>again</form>", FREE),
        (lambda: ("<form>again</form>", 200), FREE),
        (lambda: ("<form>again</form>", {"X-Form": "again"}), FREE),
        (lambda: Response("<form>again</form>"), FREE),
        (lambda: ({"error": "taken"}, 400), FREE),
        (lambda: ("no", 409), FREE),
        (lambda: ("no", 422), FREE),
        (lambda: ("broken", 500), FREE),
        (lambda: abort(403), FREE),
        (lambda: abort(Response("no", 418)), FREE),
        (lambda: 1 / 0, FREE),
    ],
)
def test_the_outcome_decides(
    host: Host, colour: Colour, answer: Callable[[], Any], seats: tuple[int, int]
) -> None:
    """Made is taken; an error, a refusal or a form shown again costs nothing; no hold is left in any case."""
    during = []

    def view() -> Any:
        during.append(host.taken())
        return answer()

    serve(host, colour(view))
    host.post().get_data()
    assert during == [(0, 1)]
    assert host.taken() == seats


def test_the_answer_is_passed_on_as_it_is(host: Host, colour: Colour) -> None:
    """Status, headers and body are the view's; a stream is not read before its time."""
    read: list[str] = []

    def view() -> Response:
        def parts() -> Iterator[str]:
            read.append(str(host.taken()))
            yield "made"

        return Response(parts(), 201, {"X-Made": "yes"})

    serve(host, colour(view))
    answer = host.post(buffered=False)
    assert (answer.status_code, answer.headers["X-Made"], answer.get_data()) == (201, "yes", b"made")
    assert read == [str(TAKEN)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_touches_nothing(host: Host, colour: Colour, method: str) -> None:
    """The page with the form is served when all seats are taken, and may ask for advice."""
    seen = []

    def view() -> str:
        seen.append(host.seats.check("acme").allowed)
        return "<form></form>"

    serve(host, colour(view), routed=["GET", "POST"])
    host.seats.take("acme", "ada")
    host.seats.take("acme", "bob")
    assert host.client.open("/users", method=method).status_code == 200
    assert seen == ([] if method == "OPTIONS" else [False])
    assert host.taken() == (2, 0)


def test_only_the_methods_named_are_guarded(host: Host, colour: Colour) -> None:
    """DELETE is not by default; it is when it is named."""
    serve(host, colour(lambda: ("", 204)), routed=["POST", "DELETE"], methods={"delete"})
    host.post()
    assert host.taken() == FREE
    host.client.delete("/users")
    assert host.taken() == TAKEN


def test_a_full_register_keeps_the_view_from_running(host: Host, colour: Colour) -> None:
    """The view is not entered and nothing is written but the refusal's sum."""
    entered = []
    serve(host, colour(lambda: entered.append(1) or ("", 204)))
    assert [host.post().status_code for _ in range(4)] == [204, 204, 402, 402]
    assert len(entered) == 2
    assert host.taken() == (2, 0)
    assert [entry.data["count"] for entry in host.entries("seat.denied")] == [2]


def test_the_seat_of_a_dead_process_frees_itself(host: Host, colour: Colour) -> None:
    """What a process that died left behind counts up to its end and not a second longer."""
    serve(host, colour(lambda: ("", 204)))
    host.engine.seats.hold(host.me, host.engine.where(host.project.id), "dead", seconds=60)
    host.seats.take("acme", "ada")
    host.clock.travel(seconds=59)
    assert host.post().status_code == 402
    host.clock.travel(seconds=1)
    assert host.post().status_code == 204
    assert host.taken() == (2, 0)


def test_the_same_subject_has_one_seat(host: Host, colour: Colour) -> None:
    """Asked for again, in another spelling and in a full register: the view runs, no second seat."""
    serve(host, colour(lambda: ({}, 201)), subject="username")
    for name in ("ada", "bob"):
        assert host.post(json={"username": name}).status_code == 201
    assert [host.post(json={"username": name}).status_code for name in ("Ada", "eve")] == [201, 402]
    assert host.seated() == {"ada": "assigned", "bob": "assigned"}


def test_a_user_who_has_a_seat_keeps_it_whatever_happens(host: Host, colour: Colour) -> None:
    """The failure of a second attempt is not the end of the first."""
    serve(host, colour(lambda: ({}, 409)), subject="username")
    host.seats.take("acme", "ada")
    assert host.post(json={"username": "ada"}).status_code == 409
    assert host.seated() == {"ada": "assigned"}


def test_a_double_submit_takes_one_seat(host: Host, colour: Colour) -> None:
    """The second request finds the hold of the first; whichever of them succeeds, the seat is one."""
    inner: list[int] = []

    def view() -> Any:
        if not inner:
            inner.append(0)
            inner[0] = host.app.test_client().post("/users", json={"username": "ada"}).status_code
            return {"error": "exists"}, 409
        return {}, 201

    serve(host, view, subject="username")
    assert host.post(json={"username": "ada"}).status_code == 409
    assert inner == [201]
    assert host.seated() == {"ada": "assigned"}


@pytest.mark.parametrize(
    ("rival", "status", "seated"), [(None, 201, {"ada": "assigned"}), ("bob", 409, {"bob": "assigned"})]
)
def test_a_double_submit_whose_first_request_fails_first(
    new_host: Callable[..., Host], rival: str | None, status: int, seated: dict[str, str]
) -> None:
    """The hold goes with the first request; the second, which succeeds, takes a seat anew if there is one."""
    host = new_host(limit=1)
    where = host.engine.where(host.project.id)
    first = host.engine.seats.hold(host.me, where, "ada", seconds=60).require().seat
    assert first is not None

    def view() -> Any:
        host.engine.seats.release_hold(host.me, where, first.id)
        if rival is not None:
            host.seats.take("acme", rival)
        return {}, 201

    serve(host, view, subject="username")
    assert host.post(json={"username": "ada"}).status_code == status
    assert host.seated() == seated


def test_a_slow_view_takes_its_seat_again(host: Host, colour: Colour) -> None:
    """The hold lapsed meanwhile, but there is room."""

    def view() -> Any:
        host.clock.travel(seconds=61)
        host.engine.seats.sweep(host.me)
        return {}, 201

    serve(host, colour(view), subject="username")
    assert host.post(json={"username": "ada"}).status_code == 201
    assert host.seated() == {"ada": "assigned"}


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.parametrize("assigned", [True, False])
def test_a_slow_view_whose_seat_is_gone(
    new_host: Callable[..., Host], colour: Colour, *, swept: bool, assigned: bool
) -> None:
    """The seat went to somebody else: 409, so that the host rolls back; nobody is over the limit."""
    host = new_host(limit=1)

    def view() -> Any:
        host.clock.travel(seconds=61)
        if swept:
            host.engine.seats.sweep(host.me)
        assert host.seats.take("acme", "bob").allowed
        if assigned:
            current_seat.assign(7)
        return {}, 201

    serve(host, colour(view), subject="username")
    answer = host.post(json={"username": "ada"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "hold_expired")
    assert host.seated() == {"bob": "assigned"}


def test_consume_when_decides_instead(host: Host, colour: Colour) -> None:
    """A view that answers with a page may say what counts."""
    serve(host, colour(lambda: request.args["page"]), consume_when=lambda response: b"made" in response.data)
    host.post("/users?page=again")
    assert host.taken() == FREE
    host.post("/users?page=made")
    assert host.taken() == TAKEN


def test_the_hold_lasts_as_long_as_the_setting_says(new_host: Callable[..., Host]) -> None:
    """`SEATGUARD_HOLD_TTL`."""
    host = new_host(SEATGUARD_HOLD_TTL=5)
    ends = []
    serve(host, lambda: (ends.append(current_seat.seat.lapses_at - host.clock()), "", 204)[1:])  # type: ignore[union-attr,operator]
    host.post()
    assert [end.total_seconds() for end in ends] == [5]


class TestCurrentSeat:
    """`current_seat` within a guarded view."""

    def test_it_is_given_a_name_that_was_not_known_before(self, host: Host, colour: Colour) -> None:
        """The seat is the new user's, found by the id the host gave it; the placeholder is gone."""

        def view() -> Any:
            current_seat.assign(105, email="ada@example.com")
            return {}, 201

        serve(host, colour(view))
        host.post()
        seat = host.engine.seats.find(host.me, host.engine.where(host.project.id), "105")
        assert seat is not None
        assert (seat.holder, seat.email, seat.state.value) == ("105", "ada@example.com", "assigned")
        assert host.taken() == TAKEN

    def test_an_assigned_page_is_no_form_shown_again(self, host: Host, colour: Colour) -> None:
        """For htmx, which is answered with pages: who assigns has made a user."""

        def view() -> str:
            current_seat.assign("ada")
            return "<p>Welcome</p>"

        serve(host, colour(view))
        host.post()
        assert host.seated() == {"ada": "assigned"}

    @pytest.mark.parametrize("answer", [({}, 500), None])
    def test_an_assigned_seat_is_given_back_after_a_failure(
        self, host: Host, colour: Colour, answer: Any
    ) -> None:
        """Assigned first, failed afterwards: there is no user."""

        def view() -> Any:
            current_seat.assign("ada")
            return answer

        serve(host, colour(view))
        assert host.post().status_code == 500
        assert host.taken() == FREE

    def test_a_canceled_seat_is_given_back(self, host: Host, colour: Colour) -> None:
        """The view found the user there already, and says so with a 200."""

        def view() -> Any:
            current_seat.assign("ada")
            current_seat.cancel()
            return {}, 200

        serve(host, colour(view), consume_when=lambda response: True)
        host.post()
        assert host.taken() == FREE

    def test_assigned_to_somebody_seated_is_no_second_seat(self, host: Host, colour: Colour) -> None:
        """Get-or-create: the user has a seat, so the hold is let go."""

        def view() -> Any:
            current_seat.assign("ada")
            return {}, 201

        serve(host, colour(view))
        host.seats.take("acme", "ada")
        host.post()
        assert host.seated() == {"ada": "assigned"}

    def test_an_invitation_becomes_the_seat_of_who_accepts_it(
        self, new_host: Callable[..., Host], colour: Colour
    ) -> None:
        """Held by address, confirmed for the new user's id, in a full register."""
        host = new_host(limit=1)
        host.engine.seats.hold(host.me, host.engine.where(host.project.id), "ada@example.com", seconds=86400)

        def view() -> Any:
            current_seat.assign(7)
            return {}, 201

        serve(host, colour(view), subject="email")
        assert host.post(data={"email": "ada@example.com"}).status_code == 201
        assert host.seated() == {"7": "assigned"}

    def test_an_invitation_outlives_a_failed_attempt(self, host: Host, colour: Colour) -> None:
        """A typo in the form does not uninvite."""
        host.engine.seats.hold(host.me, host.engine.where(host.project.id), "ada@example.com", seconds=86400)
        serve(host, colour(lambda: "<form>"), subject="email")
        host.post(data={"email": "ada@example.com"})
        assert host.seated() == {"ada@example.com": "held"}

    def test_the_seat_of_one_name_goes_to_another(self, host: Host, colour: Colour) -> None:
        """Registered by address before; the view says the id."""

        def view() -> Any:
            current_seat.assign(7)
            return {}, 200

        host.seats.take("acme", "ada@example.com")
        serve(host, colour(view), subject="email")
        host.post(data={"email": "ada@example.com"})
        assert host.seated() == {"7": "assigned"}

    @pytest.mark.parametrize("nobody", [None, "", "\u0000", True, object()])
    def test_nobody_can_be_assigned(self, host: Host, nobody: object) -> None:
        """An identifier that is none is a mistake of the view, and costs no seat."""
        serve(host, lambda: current_seat.assign(nobody))
        assert host.post().status_code == 500
        assert host.taken() == FREE

    def test_it_is_nothing_outside(self, host: Host) -> None:
        """The message tells where it works."""
        with pytest.raises(RuntimeError, match="a guard"):
            current_seat.cancel()
        serve(host, lambda: ("", 204))
        host.post()
        with pytest.raises(RuntimeError):
            current_seat.cancel()


class TestKindsOfViews:
    """Whatever Flask can call."""

    def test_the_decorators_of_a_view_class(self, host: Host, colour: Colour) -> None:
        """All its methods pass the guard; those that read are untouched."""

        class Users(MethodView):
            decorators = (host.seats.consume(project="acme", subject="username"),)
            get = staticmethod(colour(lambda: ("", 204)))
            post = staticmethod(colour(lambda: ({}, 201)))

        host.app.add_url_rule("/users", view_func=Users.as_view("users"))
        host.client.get("/users")
        assert host.taken() == FREE
        host.post(json={"username": "ada"})
        assert host.seated() == {"ada": "assigned"}

    def test_one_method_of_a_view_class(self, host: Host, colour: Colour) -> None:
        """Guarded alone."""

        class Users(MethodView):
            @host.seats.consume(project="acme", subject="username")
            def post(self) -> Any:
                return {}, 201

            @host.seats.consume(project="acme")
            async def put(self) -> Any:
                return {}, 500

        host.app.add_url_rule("/users", view_func=Users.as_view("users"))
        assert host.post(json={"username": "ada"}).status_code == 201
        assert host.client.put("/users").status_code == 500
        assert host.seated() == {"ada": "assigned"}

    def test_a_blueprint(self, host: Host, colour: Colour) -> None:
        """Its error handlers are asked before those of the app."""
        users = Blueprint("users", __name__)
        users.post("/users")(host.seats.consume(project="acme")(colour(lambda: ("", 204))))
        users.register_error_handler(SeatLimitReached, lambda error: ("full", 499))
        host.app.register_blueprint(users, url_prefix="/b")
        assert [host.post("/b/users").status_code for _ in range(3)] == [204, 204, 499]

    def test_a_coroutine_stays_one(self, host: Host) -> None:
        """Decorators above see what they saw before; name and docstring are kept, and the guard shows."""

        async def create() -> None:
            """Create a user."""

        guarded = host.seats.consume(project="acme", subject="username")(create)
        assert inspect.iscoroutinefunction(guarded)
        assert (guarded.__name__, guarded.__doc__) == ("create", "Create a user.")
        shown = getattr(guarded, MARK)
        assert (shown.verb, shown.project, shown.subject) == ("consume", "acme", "username")
        assert not inspect.iscoroutinefunction(host.seats.consume(project="acme")(lambda: None))

    def test_two_instances_guard_one_view(self) -> None:
        """Each takes a seat of its own; where one refuses, the other keeps none."""
        app = Flask("shop")
        app.config.update(
            SEATGUARD_STORAGE_URI="memory:",
            CRM_SEATGUARD_STORAGE_URI="memory:",
            CRM_SEATGUARD_URL_PREFIX="/crm/api/v1",
        )
        shop, crm = Seatguard(app), Seatguard(app, name="crm")
        shop.project("acme", limit=5)
        crm.project("acme", limit=1)

        @app.post("/users")
        @shop.consume(project="acme")
        @crm.consume(project="acme")
        def create() -> Any:
            return {}, 201

        client = app.test_client()
        assert [client.post("/users").status_code for _ in range(3)] == [201, 402, 402]
        assert [seats.check("acme").facts.usage.live for seats in (shop, crm)] == [1, 1]

    def test_one_instance_guards_the_views_of_several_apps(self) -> None:
        """Decorated before there is an app; each app has its own register."""
        seats = Seatguard()

        @seats.consume(project="acme")
        def create() -> Any:
            return {}, 201

        clients = []
        for limit in (1, 2):
            app = Flask(f"shop{limit}")
            app.config["SEATGUARD_STORAGE_URI"] = "memory:"
            seats.init_app(app)
            app.add_url_rule("/users", view_func=create, methods=["POST"])
            with app.app_context():
                seats.project("acme", limit=limit)
            clients.append(app.test_client())
        assert [[client.post("/users").status_code for _ in range(3)] for client in clients] == [
            [201, 402, 402],
            [201, 201, 402],
        ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"feature": "seat"}, "no feature 'seat'"),
        ({"quantity": 0}, "a guard takes 1 to 100 seats"),
        ({"quantity": 101}, "a guard takes 1 to 100 seats"),
        ({"quantity": True}, "a guard takes 1 to 100 seats"),
        ({"quantity": 2, "subject": "users"}, "named by a list"),
        ({"status": 200}, "400 to 499"),
    ],
)
def test_what_cannot_be_promised_is_refused(host: Host, options: dict[str, Any], says: str) -> None:
    """At the decoration, and not in the first request."""
    with pytest.raises(ValueError, match=says):
        host.seats.consume(**options)


def test_mistakes_of_writing_are_told(host: Host) -> None:
    """No parentheses, a class, one method's name in the place of several."""
    with pytest.raises(TypeError, match="parentheses"):
        host.seats.consume(lambda: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`decorators`"):
        host.seats.consume(project="acme")(MethodView)
    with pytest.raises(TypeError, match="collection"):
        host.seats.consume(methods="POST")
