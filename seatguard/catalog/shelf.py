"""Products and add-ons: define, describe anew, list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seatguard.actors import Actor
from seatguard.catalog.addons import AddOn, Product, addon_offer
from seatguard.catalog.offers import Offer
from seatguard.catalog.ports import Ledger
from seatguard.catalog.rules import valid_description
from seatguard.clock import Clock
from seatguard.errors import Conflict, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import Page, valid_count, valid_flag, valid_name, valid_slug


class ProductService:
    """Knows what plans are plans of."""

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def define(
        self,
        actor: Actor,
        slug: str,
        *,
        name: str | None = None,
        description: str | None = None,
        active: bool = True,
    ) -> Product:
        """Keep a product, or describe the one of that slug anew; what is so already writes nothing.

        Raises:
            InvalidInput: a value cannot be used.
        """
        wanted: dict[str, Any] = {
            "name": valid_name(slug if name is None else name),
            "description": valid_description(description),
            "active": valid_flag(active, field="active"),
        }
        valid_slug(slug)
        with self._ledger.begin(actor.tenant) as work:
            known = work.products.find(slug=slug)
            if known is None:
                product = Product(
                    id=self._new_id(), tenant=actor.tenant, slug=slug, created_at=self._clock(), **wanted
                )
                work.products.add(product)
            else:
                known = work.products.lock(known.id)
                if replace(known, **wanted) == known:
                    return known
                product = replace(known, version=known.version + 1, **wanted)
                work.products.replace(product)
            kind = "product.added" if known is None else "product.changed"
            data = {"slug": slug, **wanted}
            work.journal.append(
                self._drafts.draft(actor, kind, "tenant", actor.tenant, subject=product.id, data=data)
            )
            work.commit()
        return product

    def get(self, actor: Actor, slug: str) -> Product:
        """The product of that slug.

        Raises:
            NotFound: there is none in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            found = work.products.find(slug=slug)
        if found is None:
            raise NotFound("product", slug)
        return found

    def list(self, actor: Actor, *, limit: int = 50, after: str | None = None) -> Page[Product]:
        """Products in the order they were added."""
        with self._ledger.read(actor.tenant) as work:
            return work.products.list(limit=limit, after=after)


class AddOnService:
    """Knows what is sold beside plans."""

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def define(
        self,
        actor: Actor,
        slug: str,
        *,
        name: str | None = None,
        seats: int = 0,
        most: int | None = None,
        active: bool = True,
        offer: Offer | Mapping[str, Any] | None = None,
    ) -> AddOn:
        """Keep an add-on, or describe the one of that slug anew; what is so already writes nothing.

        Name, prices, ``most`` and ``active`` may change. What each one adds stays for ever, for it was
        bought: sell another add-on instead.

        Args:
            seats: that each one adds.
            most: how many a subscription may have; ``None`` is any number.
            offer: what else each one adds, and its prices.

        Raises:
            InvalidInput: a value cannot be used.
            Conflict: ``addon_fixed``; what each one adds would change.
        """
        offered = addon_offer(offer.to_data() if isinstance(offer, Offer) else offer or {})
        wanted: dict[str, Any] = {
            "name": valid_name(slug if name is None else name),
            "seats": valid_count(seats, field="seats"),
            "most": None if most is None else valid_count(most, field="most"),
            "active": valid_flag(active, field="active"),
            "offer": offered,
        }
        valid_slug(slug)
        with self._ledger.begin(actor.tenant) as work:
            known = work.addons.find(slug=slug)
            if known is None:
                addon = AddOn(
                    id=self._new_id(), tenant=actor.tenant, slug=slug, created_at=self._clock(), **wanted
                )
                work.addons.add(addon)
            else:
                known = work.addons.lock(known.id)
                if replace(known, **wanted) == known:
                    return known
                if known.seats != seats or _adds(known.offer) != _adds(offered):
                    raise Conflict(
                        "addon_fixed", f"what {slug} adds cannot change: sell another add-on", slug=slug
                    )
                addon = replace(known, version=known.version + 1, **wanted)
                work.addons.replace(addon)
            kind = "addon.added" if known is None else "addon.changed"
            data = {"slug": slug, **wanted, "offer": offered.to_data()}
            work.journal.append(
                self._drafts.draft(actor, kind, "tenant", actor.tenant, subject=addon.id, data=data)
            )
            work.commit()
        return addon

    def get(self, actor: Actor, slug: str) -> AddOn:
        """The add-on of that slug.

        Raises:
            NotFound: there is none in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            found = work.addons.find(slug=slug)
        if found is None:
            raise NotFound("addon", slug)
        return found

    def list(self, actor: Actor, *, limit: int = 50, after: str | None = None) -> Page[AddOn]:
        """Add-ons in the order they were added."""
        with self._ledger.read(actor.tenant) as work:
            return work.addons.list(limit=limit, after=after)


def _adds(offer: Offer) -> Offer:
    """What of an add-on's offer was bought."""
    return replace(offer, prices=(), interval=None, length=1)
