"""Begin a request under a key, or find out that it was made before."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, takewhile

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import Conflict
from seatguard.idempotency import rules
from seatguard.idempotency.model import Begun, InFlight, Reply, ReplyState, Start
from seatguard.idempotency.ports import Ledger
from seatguard.ids import NewId, floor
from seatguard.records import MAX_PAGE, every


class IdempotencyService:
    """Knows which requests were made before."""

    def __init__(self, ledger: Ledger, clock: Clock, new_id: NewId) -> None:
        self._ledger = ledger
        self._clock = clock
        self._new_id = new_id

    def begin(self, actor: Actor, *, route: str, key: str, body: bytes) -> Start:
        """Note that a request begins, unless it was made before.

        Args:
            route: what is asked, for example ``"POST /register-user"``.
            key: the caller's name for the request, 1 to 255 printable ASCII characters.
            body: what identifies the request's content.

        Raises:
            InvalidInput: the key cannot be used.
        """
        asked, now = rules.fingerprint(body), self._clock()
        fresh = Reply(
            id=self._new_id(),
            tenant=actor.tenant,
            route=route,
            key=rules.valid_key(key),
            fingerprint=asked,
            state=ReplyState.IN_FLIGHT,
            since=now,
            status=0,
            body=b"",
        )
        try:
            with self._ledger.begin(actor.tenant) as work:
                known = work.replies.find(route=route, key=key)
                if known is None:
                    work.replies.add(fresh)
                else:
                    met = rules.met(known, asked, now)
                    if met is not None:
                        return met
                    fresh = replace(fresh, id=known.id, version=known.version + 1)
                    work.replies.replace(fresh)
                work.commit()
        except Conflict:
            return InFlight(retry_after=1)
        return Begun(fresh)

    def abandon(self, actor: Actor, reply: Reply) -> None:
        """Note that nothing was done under the key, so that the next request with it goes ahead."""
        self._replace(actor, replace(reply, state=ReplyState.ABANDONED, version=reply.version + 1))

    def _replace(self, actor: Actor, reply: Reply) -> None:
        try:
            with self._ledger.begin(actor.tenant) as work:
                work.replies.replace(reply)
                work.commit()
        except Conflict:
            return  # another request has taken the key over: its answer counts

    def keep(self, actor: Actor, reply: Reply) -> None:
        """Keep an answer to a request that found nothing to change: no act is there to keep it with.

        Args:
            reply: as ``Reply.done`` made it.
        """
        self._replace(actor, reply)

    def purge(self, actor: Actor) -> int:
        """Let go of replies older than 24 hours; at most one page at a time.

        Returns:
            how many went.
        """
        oldest_kept = self._clock() - rules.KEPT_FOR
        with self._ledger.begin(actor.tenant) as work:
            # A key that is used again keeps its first id, so old ones may stand behind many young ones.
            begun_before = takewhile(lambda reply: reply.id < floor(oldest_kept), every(work.replies))
            old = list(islice((reply for reply in begun_before if reply.since < oldest_kept), MAX_PAGE))
            for reply in old:
                work.replies.remove(reply.id)
            work.commit()
        return len(old)
