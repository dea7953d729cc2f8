"""The ledger as a whole. Slices see narrow views of it; a backend implements this."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.administrators.model import Administrator, SavedView
from seatguard.catalog.addons import AddOn, Product
from seatguard.catalog.features import Feature
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.clients.model import Client
from seatguard.entitlements.model import Agreed, Arrival
from seatguard.entitlements.overrides import Override
from seatguard.idempotency.model import Reply
from seatguard.journal.model import Archive, Checkpoint, Stretch
from seatguard.journal.ports import Journal
from seatguard.leases.model import Lease, Pool
from seatguard.management.model import ManagementKey
from seatguard.projects.model import Domain, Project, ProjectKey
from seatguard.rates.model import Window
from seatguard.records import Repository
from seatguard.reports.ports import Daily, Reads
from seatguard.subscriptions.model import Extra, ScheduledChange, Subscription, UserSubscription
from seatguard.tenants.model import Tenant
from seatguard.usage.model import Account, Charge
from seatguard.waiting.model import Waiting


class Work(Protocol):
    """A unit of work: everything in it happens, or nothing."""

    @property
    def tenants(self) -> Repository[Tenant]:
        """Tenants; the slug is unique."""

    @property
    def clients(self) -> Repository[Client]:
        """Clients; (tenant, external_id) is unique."""

    @property
    def projects(self) -> Repository[Project]:
        """Projects; (client, name) is unique."""

    @property
    def domains(self) -> Repository[Domain]:
        """Domains; (project, name) is unique."""

    @property
    def project_keys(self) -> Repository[ProjectKey]:
        """Project keys; the digest is unique."""

    @property
    def management_keys(self) -> Repository[ManagementKey]:
        """Management keys; the digest is unique."""

    @property
    def plans(self) -> Repository[Plan]:
        """Plans; (tenant, slug) is unique."""

    @property
    def plan_versions(self) -> Repository[PlanVersion]:
        """Plan versions; (plan, number) is unique."""

    @property
    def products(self) -> Repository[Product]:
        """Products; (tenant, slug) is unique."""

    @property
    def addons(self) -> Repository[AddOn]:
        """Add-ons; (tenant, slug) is unique."""

    @property
    def extras(self) -> Repository[Extra]:
        """Quantities of add-ons; (subscription, addon) is unique."""

    @property
    def scheduled_changes(self) -> Repository[ScheduledChange]:
        """Changes agreed on for later."""

    @property
    def features(self) -> Repository[Feature]:
        """Features; (tenant, name) is unique."""

    @property
    def overrides(self) -> Repository[Override]:
        """Overrides; (tenant, level, subject) is unique."""

    @property
    def user_subscriptions(self) -> Repository[UserSubscription]:
        """Users' own subscriptions; (tenant, user_key, slot) is unique."""

    @property
    def subscriptions(self) -> Repository[Subscription]:
        """Subscriptions; the number is unique. The gate's own numbers are no part of the record."""

    @property
    def replies(self) -> Repository[Reply]:
        """Replies; (tenant, route, key) is unique."""

    @property
    def waiting(self) -> Repository[Waiting]:
        """Who waits for a seat; (project, mode, holder_key) is unique."""

    @property
    def checkpoints(self) -> Repository[Checkpoint]:
        """Checkpoints; (tenant, number) is unique."""

    @property
    def archives(self) -> Repository[Archive]:
        """Archives of the journal."""

    @property
    def stretches(self) -> Repository[Stretch]:
        """What archives hold; (stream, first) is unique."""

    @property
    def accounts(self) -> Repository[Account]:
        """Accounts of usage; (subscription, meter, period, starts_at) is unique."""

    @property
    def charges(self) -> Repository[Charge]:
        """Charges; (subscription, meter, key) is unique."""

    @property
    def windows(self) -> Repository[Window]:
        """Rate windows; (subscription, meter, caller) is unique."""

    @property
    def pools(self) -> Repository[Pool]:
        """Pools of leases; (subscription, name, holder_key) is unique."""

    @property
    def leases(self) -> Repository[Lease]:
        """Leases, ended ones included until they are swept."""

    @property
    def administrators(self) -> Repository[Administrator]:
        """Administrators; (tenant, name) is unique."""

    @property
    def saved_views(self) -> Repository[SavedView]:
        """Saved views; (tenant, owner, page, name) is unique."""

    @property
    def journal(self) -> Journal:
        """Entries."""

    @property
    def reads(self) -> Reads:
        """Lists for operators."""

    @property
    def daily(self) -> Daily:
        """What happened by the day."""

    def next_number(self) -> int:
        """A subscription number that was never given before."""

    def seats_live(self, subscription: str) -> int:
        """The counter of a subscription; exact while this unit has it locked."""

    def holds_lapsed(self, subscription: str, now: dt.datetime) -> int:
        """How many holds past their end are still in that counter."""

    def generation(self) -> int:
        """How often something was changed that decides what the tenant's users may do."""

    def advance(self) -> None:
        """Count such a change. Locks a row that all of the tenant's changes lock: call it last."""

    def commit(self) -> None:
        """Make everything this unit wrote final."""


class Ledger(Protocol):
    """What was agreed and what happened.

    Raises (every unit):
        StorageUnavailable: the store did not answer in time.
    """

    def begin(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that reads and writes one tenant's records; left without commit, it changed nothing."""

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that only reads one tenant's records."""

    def read_all(self) -> AbstractContextManager[Work]:
        """A unit that reads the records of every tenant: to find out whose a key is."""

    def agreed(self, tenant: str, project: str, mode: str) -> Sequence[Agreed]:
        """The subscriptions of a project of the tenant's and of one mode, in one read."""

    def arrive(self, digest: bytes) -> Arrival | None:
        """Whose the key of that digest is, of whatever tenant, and what is agreed with them, in one read."""

    def ready(self) -> None:
        """Ask the store something small.

        Raises:
            StorageUnavailable: it did not answer in time, or its schema is not the one expected.
        """

    def durability(self) -> str:
        """What an answered take survives, in one sentence."""

    def close(self) -> None:
        """Let go of connections. The ledger may be used again afterwards."""
