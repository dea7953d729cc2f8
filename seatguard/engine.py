"""The engine: one service a slice, and the few places where slices meet."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatguard import signals
from seatguard.actors import Actor
from seatguard.administrators.service import AdministratorService
from seatguard.administrators.views import ViewService
from seatguard.catalog.feature_service import FeatureService
from seatguard.catalog.model import Plan, PlanChange, PlanVersion
from seatguard.catalog.service import CatalogService
from seatguard.catalog.shelf import AddOnService, ProductService
from seatguard.clients.service import ClientService
from seatguard.clock import Clock, system_clock
from seatguard.decisions import Decision
from seatguard.entitlements.grants import Subject
from seatguard.entitlements.including import Inclusions
from seatguard.entitlements.model import Allowance, Terms, Where
from seatguard.entitlements.overriding import OverrideService
from seatguard.entitlements.resolve import of_project
from seatguard.entitlements.service import EntitlementService
from seatguard.errors import InvalidInput, SeatguardError
from seatguard.idempotency.service import IdempotencyService
from seatguard.ids import NewId, Uuid7
from seatguard.journal.archiving import ArchiveService
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.model import Archive
from seatguard.journal.ports import Search
from seatguard.journal.refusals import RefusalTally
from seatguard.journal.rules import may_erase
from seatguard.journal.service import JournalService
from seatguard.leases.service import LeaseService
from seatguard.management.service import ManagementService
from seatguard.projects.model import KnownKey
from seatguard.projects.service import ProjectService
from seatguard.rates.service import RateService
from seatguard.records import every
from seatguard.reports.service import ReportService
from seatguard.seats import holders, telling
from seatguard.seats.model import Drift, SeatState, Usage
from seatguard.seats.service import SeatService
from seatguard.signals import Fact, Tell
from seatguard.snapshots import Snapshots
from seatguard.storage import Store, open_store
from seatguard.storage.meters import Meters, NoMeters
from seatguard.subscriptions.acts import Change
from seatguard.subscriptions.rules import is_over_limit
from seatguard.subscriptions.scheduled import ChangeService
from seatguard.subscriptions.service import SubscriptionService
from seatguard.subscriptions.users import UserSubscriptionService
from seatguard.tenants.model import DEFAULT_SLUG
from seatguard.tenants.service import TenantService
from seatguard.usage.service import UsageService
from seatguard.waiting.line import Line
from seatguard.waiting.service import WaitingService

if TYPE_CHECKING:
    from sqlalchemy import Connection


logger = logging.getLogger("seatguard.engine")

_FREES = (signals.seat_released, signals.hold_expired, signals.subscription_changed)
"""After these there may be a free seat."""
_NO_METERS = Meters(NoMeters(), NoMeters(), NoMeters())


def _silent(_: Iterable[Fact]) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How an engine behaves.

    Attributes:
        max_age: seconds that terms, access and far-from-the-limit counts may be old; ``0`` reads always.
        fold_case: whether ``John`` and ``john`` are one holder.
        pepper: secret for key digests, kept outside the database; needed for 16-digit keys.
        journal_key: secret that signs checkpoints, kept outside the database.
        offer_seconds: how long a seat is held for the first of those who wait; ``None``: nobody can wait.
    """

    max_age: float = 1.0
    fold_case: bool = True
    pepper: bytes | None = None
    journal_key: bytes | None = None
    offer_seconds: int | None = None


_GRANTS_KEPT = 60.0


@dataclass(frozen=True, slots=True)
class PlanUpdate:
    """A plan after a change.

    Attributes:
        current: what it promises now.
        over_limit: ids of the subscriptions with more seats taken than they have now: nobody lost a
            seat, nobody gets one.
    """

    plan: Plan
    current: PlanVersion
    over_limit: tuple[str, ...]


class Seatguard:
    """The entitlement engine, without any web framework.

    Args:
        store: where agreements and seats are kept.
        clock: tells the time; everything else is told it.
        new_id: makes UUIDv7 ids.
        entropy: random bytes for keys and salts.
        monotonic: seconds that never step back, for the age of snapshots.

    >>> engine = Seatguard.open("memory:")
    >>> me = engine.actor("cli", "example")
    >>> client = engine.clients.add(me, name="Acme")
    >>> project = engine.projects.add(me, client.id, name="Shop", domains=("acme.example",))
    >>> service = engine.subscriptions.add(me, project.id, limit=1)
    >>> engine.seats.take(me, engine.where(project.id), "ada").reason.value
    'allowed'
    >>> engine.seats.take(me, engine.where(project.id), "bob").reason.value
    'limit_reached'
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock = system_clock,
        options: EngineOptions | None = None,
        new_id: NewId | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        options = options or EngineOptions()
        new_id = new_id or Uuid7(clock, entropy)
        ledger, gate = store.ledger, store.gate
        drafts = Drafts(clock, new_id, entropy)
        snapshots = Snapshots(max_age=options.max_age, monotonic=monotonic)
        refusals = RefusalTally(ledger, drafts, clock)
        self._ledger = ledger
        self._counts_in_ledger = store.counts_in_ledger
        self._refusals = refusals
        self._default_tenant: str | None = None
        self.clock = clock
        self.options = options
        self.tenants = TenantService(ledger, drafts, clock, new_id)
        self.clients = ClientService(ledger, drafts, clock, new_id, snapshots.forget)
        self.projects = ProjectService(
            ledger, drafts, clock, new_id, entropy, snapshots, self._arrive, options.pepper
        )
        self.management = ManagementService(ledger, drafts, clock, new_id, entropy, options.pepper)
        self.catalog = CatalogService(ledger, drafts, clock, new_id)
        self.subscriptions = SubscriptionService(ledger, drafts, clock, new_id, self._agreed)
        self.changes = ChangeService(
            ledger, self.subscriptions.scheduled, self.subscriptions.acts, clock, self.subscriptions.told
        )
        person = functools.partial(holders.normalize, fold_case=options.fold_case, field="user")
        self.products = ProductService(ledger, drafts, clock, new_id)
        self.addons = AddOnService(ledger, drafts, clock, new_id)
        self.features = FeatureService(ledger, drafts, clock, new_id)
        self.user_subscriptions = UserSubscriptionService(ledger, drafts, clock, new_id, person)
        self.overrides = OverrideService(ledger, drafts, clock, new_id, person)
        # Looked up by generation, so age makes them no staler; apart, so that many users push no terms out.
        grants = Snapshots(max_age=_GRANTS_KEPT if options.max_age else 0, monotonic=monotonic)
        self.entitlements = EntitlementService(ledger, snapshots, grants, clock, person)
        self.journal = JournalService(ledger, drafts, clock, new_id, options.journal_key)
        self.archives = ArchiveService(ledger, self.journal, drafts, clock, new_id)
        self.idempotency = IdempotencyService(ledger, clock, new_id)
        self.administrators = AdministratorService(ledger, drafts, clock, new_id, entropy)
        self.views = ViewService(ledger, drafts, clock, new_id)
        self.reports = ReportService(ledger, clock)
        self._seats_at = functools.partial(
            SeatService,
            source=self.entitlements,
            drafts=drafts,
            clock=clock,
            new_id=new_id,
            has_expired=self._hold_has_expired,
            fold_case=options.fold_case,
        )
        self.seats = self._seats_at(
            gate,
            snapshots=snapshots,
            refused=refusals.note,
            tell=self.announce,
            line=self._line(serves=True),
            swift=store.swift,
        )
        self.waiting = WaitingService(
            ledger,
            self.seats,
            drafts,
            clock,
            new_id,
            snapshots,
            self.announce,
            offer_seconds=options.offer_seconds,
            fold_case=options.fold_case,
        )
        meters = store.meters or _NO_METERS
        inclusions = Inclusions(self.entitlements, self._allowance_of, clock)

        def refused(kind: str) -> Callable[[Actor, str, str], None]:
            return functools.partial(refusals.note, kind=kind)

        self.usage = UsageService(
            meters.usage, inclusions, drafts, clock, new_id, refused("usage.denied"), self.announce
        )
        self.rates = RateService(meters.rates, inclusions, new_id, refused("rate.denied"))
        self.leases = LeaseService(
            meters.leases,
            inclusions,
            drafts,
            clock,
            new_id,
            refused("lease.denied"),
            functools.partial(holders.normalize, fold_case=options.fold_case),
            self._is_seated,
        )
        self._gate = gate
        self._join = store.join
        self._relay = store.relay
        self._monotonic = monotonic
        self._snapshots = snapshots

    @classmethod
    def open(
        cls,
        url: str,
        *,
        gate: str | None = None,
        clock: Clock = system_clock,
        options: EngineOptions | None = None,
    ) -> Seatguard:
        """An engine on the store behind a URL, or two; see ``seatguard.storage.open_store``."""
        return cls(open_store(url, gate=gate, clock=clock), clock=clock, options=options)

    def actor(self, kind: str, name: str, *, tenant: str | None = None) -> Actor:
        """Somebody who acts for a tenant, the default one unless named by its id."""
        return Actor(tenant=tenant or self.default_tenant(), kind=kind, name=name)

    def default_tenant(self) -> str:
        """The id of the default tenant, made on first use."""
        if self._default_tenant is None:
            self._default_tenant = self.tenants.ensure(DEFAULT_SLUG).id
        return self._default_tenant

    def where(self, project: str, *, mode: str = "live", type: str | None = None) -> Where:
        """Where a seat is wanted: a project's subscriptions of one mode, perhaps of one type."""
        return Where(project=project, mode=mode, type=type)

    def announce(self, facts: Iterable[Fact]) -> None:
        """Send signals; for facts that :meth:`seats_within` kept, once their transaction has committed.

        Seats that became free are offered to those who wait for them.
        """
        told = list(facts)
        signals.send(self, told)
        if self.options.offer_seconds is not None:
            self._serve_lines(told)

    def seats_within(self, connection: Connection, *, tell: Tell = _silent) -> SeatService:
        """Seats taken and freed inside a transaction of the host's: they stand or fall with it.

        The subscription's row stays locked until that transaction ends, so take late and end soon.

        Args:
            connection: a SQLAlchemy connection to Seatguard's own database, for example
                ``session.connection()``.
            tell: is given the facts to be told when the transaction has committed, and only then:
                ``facts.extend``, and afterwards ``engine.announce(facts)``. Left out, no signal is sent.

        Raises:
            Misconfigured: the store is not a SQL database, or the connection leads to another one.
        """
        unseen = Snapshots(max_age=0, monotonic=self._monotonic)
        return self._seats_at(
            self._join(connection),
            snapshots=unseen,
            refused=self._refusals.count,
            tell=tell,
            line=self._line(serves=False),
        )

    def publish_plan(
        self, actor: Actor, slug: str, *, seats: int | None, apply_to: str = "all"
    ) -> PlanVersion:
        """Publish a plan's next version; its subscribers follow in the same act, or stay.

        Args:
            seats: how many holders; ``None`` is unlimited, ``0`` is none.
            apply_to: ``"all"`` moves the subscribers, ``"new"`` leaves them on their version.
                Holders beyond a lowered limit stay; new ones are refused.

        Raises:
            InvalidInput: the limit is no count, or ``apply_to`` is neither.
            NotFound: no such plan in the tenant.
        """
        _check_apply_to(apply_to)
        moved: Sequence[Change] = ()
        with self._ledger.begin(actor.tenant) as work:
            published = self.catalog.publish(actor, work, slug, seats=seats, to_all=apply_to == "all")
            if apply_to == "all":
                moved = self.subscriptions.follow(actor, work, published)
            work.advance()
            work.commit()
        self._agreed(actor, moved)
        return published

    def person(self, actor: Actor, username: object) -> str:
        """By what a user's entries are found in the journal: the ``person`` of a ``Search``.

        Raises:
            InvalidInput: the name cannot be a user's.
        """
        return person_digest(actor.tenant, self.seats.holder_key(username))

    def update_plan(
        self,
        actor: Actor,
        plan_id: str,
        change: PlanChange,
        *,
        apply_to: str = "all",
        version: int | None = None,
    ) -> PlanUpdate:
        """Change a plan. What it promises changes by its next version; nothing different writes nothing.

        Args:
            apply_to: as in :meth:`publish_plan`.

        Raises:
            InvalidInput: a value cannot be used, or ``apply_to`` is neither.
            NotFound: no such plan in the tenant.
            Conflict: the plan is no longer at ``version``.

        >>> engine = Seatguard.open("memory:")
        >>> me = engine.actor("cli", "example")
        >>> plan = engine.catalog.add(me, slug="pro-plan", seats=5)
        >>> update = engine.update_plan(me, plan.id, PlanChange(name="Professional", seats=10))
        >>> update.plan.name, update.current.number, update.over_limit
        ('Professional', 2, ())
        """
        _check_apply_to(apply_to)
        moved: Sequence[Change] = ()
        with self._ledger.begin(actor.tenant) as work:
            plan, published = self.catalog.change(
                actor, work, plan_id, change, version=version, to_all=apply_to == "all"
            )
            current = published or work.plan_versions.get(plan.current)
            if published is not None and apply_to == "all":
                moved = self.subscriptions.follow(actor, work, published)
            work.advance()
            work.commit()
        self._agreed(actor, moved)
        return PlanUpdate(plan, current, tuple(one.id for _, one in moved if is_over_limit(one)))

    def subscribers(self, actor: Actor, plan_id: str) -> int:
        """How many subscriptions are on the plan, on any of its versions, and how many users by themselves.

        Raises:
            NotFound: no such plan in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            plan = work.plans.get(plan_id)
            return work.user_subscriptions.count(plan=plan.id) + sum(
                work.subscriptions.count(plan_version=version.id)
                for version in every(work.plan_versions, plan=plan.id)
            )

    def erase_person(self, actor: Actor, username: object) -> Decision[dict[str, int]]:
        """Drop a user's names from the journal, the user's own plans and overrides.

        A user who still sits somewhere is to be released first.

        Lapsed holds are cleared away before: they too show a name, and would put it on record later. Who
        waits for a seat waits no longer.

        Returns:
            Allowed with the number of entries under ``"entries"``, or ``STILL_SEATED``.
        """
        self.seats.sweep(actor)
        self.waiting.forget(actor, username)
        self.relay()
        decision = may_erase(self.seats.seats_named(actor, username))
        if not decision.allowed:
            return decision
        self.user_subscriptions.remove(actor, username)
        self.overrides.clear_user(actor, username)
        entries = self.journal.erase(actor, self.seats.holder_key(username))
        return Decision(True, decision.reason, {"seats": 0, "entries": entries})

    def archive(self, actor: Actor, *, before: dt.datetime, file: Path) -> Archive:
        """Move the journal's entries of before an instant to a file, when all that needs them has read them.

        See :meth:`ArchiveService.archive <seatguard.journal.archiving.ArchiveService.archive>`, whose errors
        and promises are this one's: made again after an interruption, it goes on.
        """
        self.relay()
        self.reports.count_days(actor)  # reports go on to tell of days whose entries are gone
        return self.archives.archive(actor, before=before, file=file)

    def verify(self, actor: Actor, *, repair: bool = False) -> Iterator[Drift]:
        """Compare the counter of every subscription with its seats; with ``repair`` the seats win."""
        found: list[Drift] = []
        after: str | None = None
        try:
            while True:
                page = self.subscriptions.list(actor, limit=200, after=after)
                for drift in self.seats.verify(actor, [one.id for one in page.items], repair=repair):
                    found.append(drift)
                    yield drift
                if page.after is None:
                    return
                after = page.after
        finally:
            self.announce(telling.drifted(actor, found, repair=repair))

    def unchecked(self, actor: Actor, project_id: str, reason: str) -> None:
        """Put on record that a user of the project was let pass undecided: nobody could say yes or no.

        Counted now and summed by the minute as refusals are; written as soon as the store takes it.
        """
        self._refusals.count_unchecked(actor, project_id, reason)

    def relay(self) -> int:
        """Move into the ledger what a gate with a store of its own keeps for it.

        ``seatguard work`` does so all the time; until then the journal misses the last entries. Any number
        of processes may do it at once, and any may die at it.

        Returns:
            how many entries were moved; 0 with a gate that shares the ledger's store.

        Raises:
            StorageUnavailable: gate or ledger did not answer in time; what was moved stays moved.
        """
        return self._relay()

    def flush(self) -> None:
        """Write the refusals summed so far."""
        self._refusals.flush()

    def ready(self) -> None:
        """Ask the store something small.

        Raises:
            StorageUnavailable: it did not answer in time.
            Misconfigured: its schema is not the one this version works with.
        """
        self._ledger.ready()

    def durability(self) -> str:
        """What an answered take survives, in one sentence."""
        return self._ledger.durability()

    def close(self) -> None:
        """Write what is summed and let go of connections, also when the store does not answer."""
        try:
            self.flush()
        finally:
            self._ledger.close()

    def _line(self, *, serves: bool) -> Line | None:
        return None if self.options.offer_seconds is None else Line(lambda: self.waiting, serves=serves)

    def _serve_lines(self, facts: Sequence[Fact]) -> None:
        """Offer what became free. The facts are committed, so what fails here must not look like theirs."""
        freed = [fact.data for fact in facts if fact.signal in _FREES]
        for tenant, name in sorted({(data["tenant"], data["subscription"]) for data in freed}):
            actor = Actor(tenant=tenant, kind="system", name="waiting line")
            try:
                subscription = self.subscriptions.get(actor, name)
                self.waiting.serve(actor, subscription.project, mode=subscription.mode)
            except SeatguardError:
                logger.exception("seats became free and nobody was offered one: `seatguard seats sweep` does")

    def moment(self) -> float:
        """The present instant, as ``since`` of ``seats.check`` wants it."""
        return self._monotonic()

    def _arrive(self, digest: bytes) -> KnownKey | None:
        """Whose a key is. What its project may do and has is read with it, and kept for the next question."""
        arrival = self._ledger.arrive(digest)
        if arrival is None:
            return None
        key = arrival.known.key
        self._snapshots.put(("terms", key.tenant, key.project, key.mode), of_project(arrival.agreed))
        for one in arrival.agreed:
            if self._counts_in_ledger and not one.held:  # else some of them may have lapsed
                self._snapshots.put(("usage", one.subscription.id), Usage(one.live, 0))
        return arrival.known

    def _agreed(self, actor: Actor, changes: Sequence[Change]) -> None:
        self._snapshots.forget()
        self.announce(
            Fact(
                signals.subscription_changed,
                {
                    "actor": actor.label,
                    "tenant": record.tenant,
                    "project": record.project,
                    "subscription": record.id,
                    "service": record.number,
                    "limit": record.limit,
                    "change": kind,
                    "record": record,
                },
            )
            for kind, record in changes
        )

    def _allowance_of(self, actor: Actor, terms: Terms, name: str, user: str | None) -> Allowance | None:
        subject = Subject(user=user, subscription=terms.subscription, mode=terms.mode)
        return self.entitlements.allowance(actor, subject, name)

    def _is_seated(self, actor: Actor, subscription: str, holder_key: str) -> bool:
        seats = self._gate.seats_of(actor.tenant, [subscription], holder_key)
        return any(seat.state is SeatState.ASSIGNED for seat in seats)

    def _hold_has_expired(self, actor: Actor, seat_id: str) -> bool:
        self.relay()
        search = Search(subject=seat_id, kind="hold.expired")
        return bool(self.journal.search(actor, search, limit=1).items)


def _check_apply_to(apply_to: str) -> None:
    if apply_to not in ("all", "new"):
        raise InvalidInput.single("apply_to", "invalid_choice", f"must be 'all' or 'new', not {apply_to!r}")
