"""Journal entries as sentences: who did what to which thing, and what changed."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seatguard.journal.model import Entry
from seatguard_admin.desk import Desk
from seatguard_admin.shown import Shown, is_moment

PLACES = {
    "client": ("client", "client"),
    "project": ("project", "project"),
    "subscription": ("service", "service"),
    "plan": ("plan", "slug"),
}
"""Which page shows a record of a kind, and by which variable."""


@dataclass(frozen=True, slots=True)
class Who:
    """An actor as a reader sees it: a round sign for people, a square one for keys and programs."""

    name: str
    initial: str
    shape: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One entry in words.

    Attributes:
        verb: what was done, so that the thing's name can follow it.
        changes: ``(field, before, after)``.
        facts: the other data, ``(field, text)``.
    """

    entry: Entry
    day: dt.date
    who: Who
    verb: str
    name: str
    owner: str
    url: str | None
    denied: bool
    changes: Sequence[tuple[str, str, str]]
    facts: Sequence[tuple[str, str]]


def told(desk: Desk, entries: Sequence[Entry]) -> list[Told]:
    """Entries in words, with the names of things read once for all of them."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        wanted[entry.aggregate].add(entry.stream)
    names: dict[str, tuple[str, str]] = {}
    for aggregate, ids in wanted.items():
        if aggregate in PLACES:
            names |= desk.engine.reports.names(desk.actor, aggregate, ids)
    return [_one(desk, entry, names) for entry in entries]


def older_archived(desk: Desk, entries: Sequence[Entry]) -> bool:
    """Whether these newest entries of a stream are all that the ledger has, and not all there were."""
    return 0 < len(entries) < desk.preferences.rows and entries[-1].seq > 1


def who(desk: Desk, label: str) -> Who:
    """An actor's label, ``kind:name``, as a reader sees it."""
    kind, _, name = label.partition(":")
    if kind == "admin":
        return Who(name, (name[:1] or "?").upper(), "person")
    if kind == "key":
        return Who(desk.t("API key %(name)s", name=name), "K", "key")
    if kind == "cli":
        return Who(desk.t("Command %(name)s", name=name), ">", "system")
    return Who(name, "S", "system")


def _one(desk: Desk, entry: Entry, names: dict[str, tuple[str, str]]) -> Told:
    name, owner = names.get(entry.stream, ("", ""))
    page = PLACES.get(entry.aggregate)
    url = None
    if page is not None and name:
        url = desk.url(page[0], **{page[1]: owner if entry.aggregate == "plan" else entry.stream})
    if entry.aggregate == "tenant":
        name = str(entry.data.get("name", ""))
    return Told(
        entry=entry,
        day=entry.at.astimezone(desk.preferences.tz()).date(),
        who=who(desk, entry.actor),
        verb=_verb(desk, entry),
        name=name,
        owner=owner if owner != name and entry.aggregate != "plan" else "",
        url=url,
        denied=entry.kind == "administrator.sign_in_refused" or entry.kind.endswith(".denied"),
        changes=tuple(_changes(desk, entry.data)),
        facts=tuple(_facts(desk, entry)),
    )


def _verb(desk: Desk, entry: Entry) -> str:
    t = desk.t
    verbs = {
        "client.added": t("created the client"),
        "client.renamed": t("renamed the client"),
        "client.suspended": t("suspended the client"),
        "client.resumed": t("restored the client"),
        "client.archived": t("archived the client"),
        "project.added": t("created the project"),
        "project.changed": t("changed the project"),
        "project.domain_added": t("added a domain to"),
        "project.domain_removed": t("removed a domain from"),
        "key.added": t("created an API key for"),
        "key.rotated": t("rotated an API key of"),
        "key.revoked": t("revoked an API key of"),
        "plan.added": t("created the plan"),
        "plan.published": t("published a version of the plan"),
        "plan.renamed": t("renamed the plan"),
        "plan.deactivated": t("deactivated the plan"),
        "plan.reactivated": t("reactivated the plan"),
        "subscription.added": t("created the service"),
        "subscription.limit_changed": t("changed the seat limit of"),
        "subscription.renewed": t("renewed"),
        "subscription.plan_changed": t("changed the plan of"),
        "subscription.plan_version_changed": t("moved to a new plan version:"),
        "subscription.suspended": t("suspended"),
        "subscription.resumed": t("resumed"),
        "subscription.trial_started": t("started a trial of"),
        "subscription.fell_due": t("noted a missing payment for"),
        "subscription.canceled": t("archived the service"),
        "subscription.counter_repaired": t("repaired the counter of"),
        "seat.taken": t("registered a user on"),
        "seat.held": t("held a seat on"),
        "seat.released": t("released a seat of"),
        "seat.transferred": t("gave a seat to another user on"),
        "seat.unchecked": t("let a user pass unchecked on"),
        "hold.renewed": t("renewed a hold on"),
        "hold.released": t("let go of a hold on"),
        "hold.expired": t("cleared away a lapsed hold on"),
        "client.identified": t("changed the outside number of"),
        "plan.described": t("changed what is shown of the plan"),
        "product.added": t("created the product"),
        "product.changed": t("changed the product"),
        "addon.added": t("created the add-on"),
        "addon.changed": t("changed the add-on"),
        "feature.defined": t("defined the feature"),
        "feature.redefined": t("defined the feature anew:"),
        "override.changed": t("changed what is granted apart from plans"),
        "tenant.configured": t("changed the settings of the organization"),
        "management_key.added": t("created the management key"),
        "management_key.rotated": t("rotated the management key"),
        "management_key.revoked": t("revoked the management key"),
        "subscription.addon_changed": t("changed an add-on of"),
        "subscription.terms_changed": t("changed the terms of"),
        "user_subscription.added": t("put a user on a plan"),
        "user_subscription.changed": t("changed a user's own subscription"),
        "user_subscription.ended": t("ended a user's own subscription"),
        "change.scheduled": t("agreed on a later change of"),
        "change.applied": t("made an agreed change of"),
        "change.postponed": t("put off an agreed change of"),
        "change.blocked": t("could not make an agreed change of"),
        "change.canceled": t("called off an agreed change of"),
        "lease.taken": t("let a session in on"),
        "lease.returned": t("gave back a session's place on"),
        "lease.resumed": t("let a late session back in on"),
        "lease.taken_over": t("took a session's place over on"),
        "lease.lapsed": t("cleared away a session that had ended on"),
        "lease.denied": t("was denied a session on"),
        "rate.denied": t("was denied by a rate on"),
        "usage.recorded": t("recorded usage of"),
        "usage.refunded": t("gave back usage of"),
        "usage.reset": t("began the usage period anew for"),
        "usage.denied": t("was denied usage of"),
        "waiting.joined": t("joined the line for"),
        "waiting.left": t("left the line for"),
        "waiting.offered": t("offered a seat to who waited for"),
        "journal.exported": t("exported the activity log"),
        "journal.copied": t("copied older entries to an archive of"),
        "journal.archived": t("moved older entries to an archive of"),
        "person.erased": t("erased a person's names from"),
        "tenant.added": t("set up the organization"),
        "view.saved": t("saved the view"),
        "view.removed": t("removed the view"),
        "administrator.added": t("added the administrator"),
        "administrator.signed_in": t("signed in as"),
        "administrator.sign_in_refused": t("was refused to sign in as"),
        "administrator.password_changed": t("changed the password of"),
        "administrator.role_changed": t("changed the role of"),
        "administrator.deactivated": t("switched off the administrator"),
        "administrator.reactivated": t("switched on the administrator"),
    }
    if entry.kind == "seat.denied":
        count = entry.data.get("count", 1)
        if isinstance(count, int) and count > 1:
            return t("was denied %(count)s times on", count=count)
        return t("was denied on")
    return verbs.get(entry.kind, entry.kind)


def _changes(desk: Desk, data: Any) -> list[tuple[str, str, str]]:
    """What changed: ``before`` and ``after`` of the entry itself, or of its members."""
    found = []
    if "before" in data:
        found.append((desk.t("value"), _text(desk, data["before"]), _text(desk, data.get("after", ""))))
    for field, value in data.items():
        if isinstance(value, dict) and set(value) == {"before", "after"}:
            found.append((field, _text(desk, value["before"]), _text(desk, value["after"])))
    return found


def _facts(desk: Desk, entry: Entry) -> list[tuple[str, str]]:
    facts = [
        (field.replace("_", " "), _text(desk, value))
        for field, value in entry.data.items()
        if field not in ("before", "after") and not isinstance(value, dict)
    ]
    for field, text in (entry.erasable or {}).items():
        facts.append((field, text if desk.can("seats.read_pii") else masked(text)))
    return facts


def masked(text: str) -> str:
    """A name of which only the beginning may be seen.

    >>> masked("ada.lovelace@example.com"), masked("bo")
    ('ad•••', '•••')
    """
    return f"{text[:2]}•••" if len(text) > 4 else "•••"


def _text(desk: Desk, value: object) -> str:
    if value is None:
        return desk.t("none")
    if isinstance(value, bool):
        return desk.t("yes") if value else desk.t("no")
    if isinstance(value, list):
        return ", ".join(map(str, value)) or desk.t("none")
    text = str(value)
    return Shown(desk).prose(text) if is_moment(text) else text
