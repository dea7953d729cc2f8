"""The gate on Redis or Valkey: one script a verb; see ``lua/``."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from seatguard.errors import Conflict, NotFound, StorageUnavailable
from seatguard.idempotency.model import Reply
from seatguard.journal.model import Draft
from seatguard.records import Page
from seatguard.seats.holders import Holder
from seatguard.seats.model import (
    Admission,
    AlreadyHeld,
    Claim,
    Closed,
    ConfirmOutcome,
    Drift,
    Full,
    Lapsed,
    NotHeld,
    Outcome,
    Released,
    ReleaseOutcome,
    Renewed,
    RenewOutcome,
    Seat,
    Taken,
    TakeOutcome,
    TransferOutcome,
    Transferred,
    Usage,
)
from seatguard.seats.ports import Lapse, Seal
from seatguard.storage.beside import Count, Home
from seatguard.storage.locking import Section
from seatguard.storage.ports import Ledger
from seatguard.storage.redis import wire
from seatguard.storage.redis.pools import Answer, Pools
from seatguard.storage.redis.relay import Relay
from seatguard.storage.redis.server import Server

logger = logging.getLogger("seatguard.gate")

OutcomeT = TypeVar("OutcomeT", bound=Outcome)

_TRIES = 20
_SWEEP = 500
_SEAT = slice(3, 10)


class RedisGate:
    """See ``seatguard.seats.ports.Gate`` and ``seatguard.storage.beside.GateBeside``.

    Args:
        home: the gate on the ledger's rows, which has the copy of the seats.
        pools: of the server, filled from ``home``.
    """

    def __init__(self, server: Server, ledger: Ledger, home: Home, relay: Relay, pools: Pools) -> None:
        self._server = server
        self._ledger = ledger
        self._home = home
        self._relay = relay
        self._pools = pools

    def take(self, claim: Claim, entry: Draft, lapse: Lapse, seal: Seal | None = None) -> TakeOutcome:
        """See ``Gate.take``."""
        version, *rest = wire.admission(claim.admission)
        arguments = (
            claim.seat,
            claim.holder.key,
            wire.sitting(claim.holder, claim.email),
            wire.instant(claim.lapses_at),
            version,
            "".join(f"{one}," for one in rest),
        )

        def read(answer: Answer) -> TakeOutcome:
            usage = _usage(answer)
            match answer[0]:
                case b"seated":
                    return Taken(wire.seated(claim, answer[4], answer[5]), usage)
                case b"taken":
                    return Taken(_seat(entry, answer), usage)
                case b"already":
                    return AlreadyHeld(_seat(entry, answer), usage)
                case b"full":
                    return Full(usage)
                case _:
                    return Closed(usage)

        return self._act(
            "take", claim.tenant, entry, arguments, read, lapse, seal, sealed=(Taken, AlreadyHeld)
        )

    def confirm(
        self,
        tenant: str,
        seat_id: str,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
        *,
        holder: Holder | None = None,
        email: str | None = None,
    ) -> ConfirmOutcome:
        """See ``Gate.confirm``."""

        def read(answer: Answer) -> ConfirmOutcome:
            match answer[0]:
                case b"taken":
                    return Taken(_seat(entry, answer), _usage(answer))
                case b"already":
                    return AlreadyHeld(_seat(entry, answer), _usage(answer))
                case b"lapsed":
                    return Lapsed(_seat(entry, answer))
                case _:
                    return NotHeld()

        named = ("", "") if holder is None else (holder.key, holder.name)
        arguments = (seat_id, *named, email or "")
        return self._on_seat(tenant, "confirm", entry, arguments, read, lapse, seal, (Taken, AlreadyHeld))

    def renew(
        self,
        tenant: str,
        seat_id: str,
        lapses_at: dt.datetime,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
    ) -> RenewOutcome:
        """See ``Gate.renew``."""

        def read(answer: Answer) -> RenewOutcome:
            match answer[0]:
                case b"renewed":
                    return Renewed(_seat(entry, answer), _usage(answer))
                case b"lapsed":
                    return Lapsed(_seat(entry, answer))
                case _:
                    return NotHeld()

        arguments = (seat_id, wire.instant(lapses_at))
        return self._on_seat(tenant, "renew", entry, arguments, read, lapse, seal, (Renewed,))

    def release(
        self,
        tenant: str,
        seat_id: str,
        entry: Draft,
        seal: Seal | None = None,
        *,
        only_hold: bool = False,
        held_by: str | None = None,
    ) -> ReleaseOutcome:
        """See ``Gate.release``."""

        def read(answer: Answer) -> ReleaseOutcome:
            match answer[0]:
                case b"released":
                    return Released(_seat(entry, answer), _usage(answer))
                case b"already":
                    return AlreadyHeld(_seat(entry, answer), _usage(answer))
                case _:
                    return NotHeld()

        arguments = (seat_id, "1" if only_hold else "", held_by or "")
        return self._on_seat(tenant, "release", entry, arguments, read, None, seal, (Released,))

    def transfer(
        self,
        tenant: str,
        seat_id: str,
        holder: Holder,
        email: str | None,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
        *,
        held_by: str | None = None,
    ) -> TransferOutcome:
        """See ``Gate.transfer``."""

        def read(answer: Answer) -> TransferOutcome:
            match answer[0]:
                case b"transferred":
                    return Transferred(_seat(entry, answer))
                case b"already":
                    return AlreadyHeld(_seat(entry, answer), _usage(answer))
                case _:
                    return NotHeld()

        arguments = (seat_id, holder.key, holder.name, email or "", held_by or "")
        return self._on_seat(tenant, "transfer", entry, arguments, read, lapse, seal, (Transferred,))

    def usage(self, tenant: str, subscription: str) -> Usage:
        """See ``Gate.usage``."""
        return _usage(self._pools.ask("count", tenant, subscription))

    def seat(self, tenant: str, subscriptions: Sequence[str], seat_id: str) -> Seat | None:
        """See ``Gate.seat``."""
        found = self._seats(tenant, subscriptions, "find", seat_id, "") if seat_id else []
        return found[0] if found else None

    def seats_of(self, tenant: str, subscriptions: Sequence[str], holder_key: str) -> tuple[Seat, ...]:
        """See ``Gate.seats_of``."""
        return tuple(self._seats(tenant, subscriptions, "find", "", holder_key))

    def seats_named(self, tenant: str, holder_key: str) -> int:
        """See ``Gate.seats_named``."""
        self.relay()
        return self._home.seats_named(tenant, holder_key)

    def list(self, tenant: str, subscriptions: Sequence[str], *, limit: int, after: int) -> Page[Seat]:
        """See ``Gate.list``."""
        seats: list[Seat] = []
        for one in subscriptions:
            first = str(wire.raw_after(one, after))
            seats += self._seats(tenant, (one,), "list", first, str(limit + 1))
        seats.sort(key=lambda seat: seat.number)
        items = tuple(seats[:limit])
        return Page(items, str(items[-1].number) if len(seats) > limit else None)

    def holds(self, tenant: str, subscriptions: Sequence[str], *, limit: int) -> tuple[Seat, ...]:
        """See ``Gate.holds``."""
        found = self._seats(tenant, subscriptions, "holds", "running", str(limit))
        return tuple(sorted(found, key=lambda hold: (hold.lapses_at, hold.number))[:limit])

    def sweep(self, tenant: str, subscription: str, lapse: Lapse) -> int:
        """See ``Gate.sweep``."""
        answer = self._pools.ask("holds", tenant, subscription, "lapsed", str(_SWEEP))
        return self._clear(tenant, subscription, _listed(tenant, subscription, answer), lapse)

    def lapsed(self, tenant: str, *, limit: int) -> tuple[str, ...]:
        """See ``Gate.lapsed``."""
        self.relay()
        found = self._home.lapsed(tenant, limit=limit)
        return tuple(one for one in found if len(self._seats(tenant, (one,), "holds", "lapsed", "1")) > 0)

    def verify(
        self,
        tenant: str,
        subscriptions: Sequence[str],
        repaired: Callable[[str, dict[str, object]], Draft] | None,
    ) -> Iterator[Drift]:
        """See ``Gate.verify``."""
        for subscription in subscriptions:
            _, *numbers = self._pools.ask("verify", tenant, subscription)
            live, held, live_rows, held_rows = map(int, numbers)
            counted, rows = (live, held), (live_rows, held_rows)
            if counted == rows:
                continue
            if repaired is not None:
                draft = repaired(subscription, {"counted": list(counted), "rows": list(rows)})
                self._pools.refill(tenant, subscription, draft)
            yield Drift(subscription, counted, rows, repaired is not None)

    def freeze(self, tenant: str, subscription: str, token: str) -> Count | None:
        """See ``GateBeside.freeze``."""
        return self._pools.freeze(tenant, subscription, token)

    def agree(self, tenant: str, subscription: str, admission: Admission, token: str) -> None:
        """See ``GateBeside.agree``."""
        self._pools.agree(tenant, subscription, admission, token)

    def relay(self) -> int:
        """See ``GateBeside.relay``."""
        return self._relay.run()

    def check(self) -> None:
        """See ``GateBeside.check``."""
        self._server.check()

    def durability(self) -> str:
        """See ``GateBeside.durability``."""
        return self._server.durability()

    def close(self) -> None:
        """See ``GateBeside.close``."""
        self._server.close()

    def _on_seat(
        self,
        tenant: str,
        verb: str,
        entry: Draft,
        arguments: tuple[str, ...],
        read: Callable[[Answer], OutcomeT],
        lapse: Lapse | None,
        seal: Seal | None,
        sealed: tuple[type[Any], ...],
    ) -> OutcomeT | NotHeld:
        try:
            return self._act(verb, tenant, entry, arguments, read, lapse, seal, sealed=sealed)
        except NotFound:
            return NotHeld()

    def _act(
        self,
        verb: str,
        tenant: str,
        entry: Draft,
        arguments: tuple[str, ...],
        read: Callable[[Answer], OutcomeT],
        lapse: Lapse | None,
        seal: Seal | None,
        *,
        sealed: tuple[type[Any], ...],
    ) -> OutcomeT:
        """Run a verb, after clearing away the lapsed holds that stand in its way.

        A reply has to be made from the outcome and written with it, and a script cannot be asked in
        between: so the outcome is looked at first, and the script writes only if it is still the same.
        """
        subscription, text = entry.stream, wire.draft(entry)
        for _ in range(_TRIES):
            mode = "do" if seal is None else "look"
            answer = self._pools.ask(verb, tenant, subscription, mode, text, "", *arguments)
            if answer[0] == b"lapsing" and lapse is not None:
                self._clear(tenant, subscription, _listed(tenant, subscription, answer), lapse)
                continue
            outcome = read(answer)
            if isinstance(outcome, Lapsed) and lapse is not None:
                if self._clear(tenant, subscription, [outcome.seat], lapse):
                    return outcome
                continue
            if seal is None:
                self._confirmed(entry, outcome)
                return outcome
            reply = seal(outcome) if isinstance(outcome, sealed) else None
            kept = "" if reply is None else wire.reply(reply)
            if isinstance(outcome, sealed):
                mode = f"as {answer[0].decode()} {answer[3].decode()} {answer[5].decode()}"
                done = self._pools.ask(verb, tenant, subscription, mode, text, kept, *arguments)
                if done[0] != answer[0] or (len(done) > _SEAT.start and done[3] != answer[3]):
                    continue
            self._confirmed(entry, outcome)
            if reply is not None:
                self._keep(reply)
            return outcome
        raise StorageUnavailable("the subscription changes faster than it can be read; ask again")

    def _confirmed(self, entry: Draft, outcome: Outcome) -> None:
        """Where answers wait for the ledger: wait until it has what this one tells of."""
        if not self._server.confirms:
            return
        match outcome:
            case Taken(seat, _) | AlreadyHeld(seat, _) | Renewed(seat, _) | Transferred(seat):
                free = False
            case Released(seat, _):
                free = True
            case _:
                return

        def stands(section: Section) -> bool:
            copy = section.seat(seat.id)
            if copy is None:
                return free
            return (copy.holder_key, copy.lapses_at) == (seat.holder_key, seat.lapses_at)

        if not self._relay.confirm(entry, stands):
            raise StorageUnavailable("the gate was emptied before the ledger had the seat; ask again")

    def _keep(self, reply: Reply) -> None:
        """Keep a reply at once; the relay would bring it a moment later."""
        try:
            with self._ledger.begin(reply.tenant) as work:
                work.replies.replace(reply)
                work.commit()
        except Conflict:
            return  # the relay was faster, or another request has taken the key over
        except StorageUnavailable as error:
            logger.warning("a reply is kept by the relay, not at once: %s", error)

    def _clear(self, tenant: str, subscription: str, holds: Sequence[Seat], lapse: Lapse) -> int:
        if not holds:
            return 0
        pairs = [text for hold in holds for text in (hold.id, wire.draft(lapse(hold)))]
        return int(self._pools.ask("clear", tenant, subscription, "do", "", "", *pairs)[1])

    def _seats(
        self, tenant: str, subscriptions: Sequence[str], script: str, *arguments: str
    ) -> Sequence[Seat]:
        found: list[Seat] = []
        for one in dict.fromkeys(subscriptions):
            try:
                answer = self._pools.ask(script, tenant, one, *arguments)
            except NotFound:
                continue
            found += _listed(tenant, one, answer)
        return sorted(found, key=lambda seat: seat.number)


def _usage(answer: Answer) -> Usage:
    return Usage(int(answer[1]), int(answer[2]))


def _seat(entry: Draft, answer: Answer) -> Seat:
    return wire.seat(entry.tenant, entry.stream, answer[_SEAT])


def _listed(tenant: str, subscription: str, answer: Answer) -> list[Seat]:
    return [wire.seat(tenant, subscription, fields) for fields in answer[1:]]
