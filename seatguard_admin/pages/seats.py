"""Seats of one service: who sits there, and freeing a seat."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from seatguard.errors import InvalidInput
from seatguard.records import Page
from seatguard.seats.model import Seat
from seatguard.subscriptions.model import Subscription
from seatguard_admin.desk import Desk
from seatguard_admin.forms import Field, Form, handle, list_value
from seatguard_admin.registry import Pages
from seatguard_admin.told import masked

pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRow:
    """A seat as this reader may see it."""

    id: str
    holder: str
    email: str | None
    seat: Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatList:
    """Some seats of a service.

    Attributes:
        q: the user who was looked for.
        after: address of the next page.
        first: address of the first page, on all pages but that one.
    """

    items: list[SeatRow]
    q: str | None
    after: str | None
    first: str | None


def seat_page(desk: Desk, service: Subscription) -> SeatList:
    """The page of a service's seats that the address asks for, or the one seat of the user it names."""
    engine, me = desk.engine, desk.actor
    where = engine.where(service.project, mode=service.mode, type=service.type)
    q = list_value("q")
    if q is not None:
        try:
            found = engine.seats.find(me, where, q)
        except InvalidInput:
            found = None
        mine = found is not None and found.subscription == service.id
        return SeatList(items=[_row(desk, found)] if found and mine else [], q=q, after=None, first=None)
    after = desk.unsigned("cursor-seats", request.args.get("after"))
    page: Page[Seat] = engine.seats.list_of(me, service.id, limit=desk.preferences.rows, after=after)

    def address(cursor: str | None) -> str:
        return desk.url("service", service=service.id, tab="seats", after=cursor)

    return SeatList(
        items=[_row(desk, seat) for seat in page.items],
        q=None,
        after=None if page.after is None else address(desk.signed("cursor-seats", page.after)),
        first=None if after is None else address(None),
    )


@pages.form("/services/<service>/seats/<seat>/release", needs="seats.release")
def seat_release(desk: Desk, service: str, seat: str) -> Response:
    """Free a seat."""
    t, engine, me = desk.t, desk.engine, desk.actor
    one = engine.subscriptions.get(me, service)
    where = engine.where(one.project, mode=one.mode)
    found = engine.seats.get(me, where, seat)
    row = _row(desk, found)
    back = desk.url("service", service=one.id, tab="seats")
    form = Form(
        title=t("Release the seat of %(name)s?", name=row.holder),
        intro=t("The user loses the seat at once, and somebody else may take it."),
        button=t("Release seat"),
        danger=True,
        back=back,
        crumbs=[(one.type, desk.url("service", service=one.id)), (t("Seats"), back)],
    )

    def act(_: Form) -> Response:
        engine.seats.release_seat(me, where, found.id).require()
        undo = None
        if desk.can("services.write"):
            undo = {
                "url": desk.url("seat_restore", service=one.id),
                "what": desk.signed("released-seat", [one.id, found.holder, found.email]),
            }
        return desk.go_to(back, said=t("Released the seat of %(name)s.", name=row.holder), undo=undo)

    return handle(desk, form, act)


@pages.post("/services/<service>/seats/restore", needs="services.write")
def seat_restore(desk: Desk, service: str) -> Response:
    """Give a seat back that was released a moment ago, if it is still free."""
    t, engine, me = desk.t, desk.engine, desk.actor
    one = engine.subscriptions.get(me, service)
    what = desk.unsigned("released-seat", request.form.get("what"))
    if what is None or what[0] != one.id:
        raise InvalidInput.single("what", "invalid", t("this is no released seat"))
    where = engine.where(one.project, mode=one.mode, type=one.type)
    engine.seats.take(me, where, what[1], email=what[2]).require()
    return desk.go("service", service=one.id, tab="seats", said=t("Gave the seat back."))


@pages.form("/services/<service>/seats/new", needs="services.write")
def seat_new(desk: Desk, service: str) -> Response:
    """Give a user a seat by hand."""
    t, engine, me = desk.t, desk.engine, desk.actor
    one = engine.subscriptions.get(me, service)
    back = desk.url("service", service=one.id, tab="seats")
    form = Form(
        title=t("Register a user on %(name)s", name=one.type),
        button=t("Register user"),
        back=back,
        crumbs=[(one.type, desk.url("service", service=one.id)), (t("Seats"), back)],
        fields=[
            Field(
                name="username",
                label=t("Username"),
                required=True,
                hint=t("Your application's name for the user."),
            ),
            Field(name="email", label=t("Email")),
        ],
    )

    def act(form: Form) -> Response:
        where = engine.where(one.project, mode=one.mode, type=one.type)
        facts = engine.seats.take(me, where, form.text("username"), email=form.optional("email")).require()
        holder = facts.seat.holder if facts.seat else form.text("username")
        return desk.go_to(back, said=t("%(name)s has a seat.", name=holder))

    return handle(desk, form, act)


def _row(desk: Desk, seat: Seat) -> SeatRow:
    """Personal data only for those who may see it."""
    if desk.can("seats.read_pii"):
        return SeatRow(id=seat.id, holder=seat.holder, email=seat.email, seat=seat)
    return SeatRow(
        id=seat.id, holder=masked(seat.holder), email=None if seat.email is None else "•••", seat=seat
    )
