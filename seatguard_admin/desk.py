"""One request of an administrator: who, on what, with which preferences, and how answers are made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Response, make_response, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeSerializer

from seatguard.actors import Actor
from seatguard.engine import Seatguard as Engine
from seatguard_admin.identity import Identity
from seatguard_admin.preferences import Preferences
from seatguard_admin.translations import Words

if TYPE_CHECKING:
    from seatguard_admin.blueprint import Mounted

PARTIAL = "X-SG-Partial"


class Forbidden(Exception):
    """The signed-in administrator may not do that."""

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__(action)


class Desk:
    """What a page is given.

    Attributes:
        identity: who it is; ``None`` on pages for people who are not signed in.
        request_id: put on record with every change, and shown on error pages.
    """

    def __init__(self, mounted: Mounted, identity: Identity | None, request_id: str, words: Words) -> None:
        self.mounted = mounted
        self.identity = identity
        self.request_id = request_id
        self.words = words
        self.preferences = Preferences.read(request.cookies)
        self._actor: Actor | None = None
        self._now: dt.datetime | None = None

    @property
    def engine(self) -> Engine:
        """The engine; asked for by pages only, so that an error page needs no store."""
        return self.mounted.engine()

    @property
    def now(self) -> dt.datetime:
        """The instant of the request, the same all over the page."""
        if self._now is None:
            self._now = self.engine.clock()
        return self._now

    @property
    def actor(self) -> Actor:
        """The administrator, for the engine and the journal."""
        if self._actor is None:
            if self.identity is None:
                raise Forbidden("sign in")
            self._actor = self.engine.actor("admin", self.identity.name, tenant=self.identity.tenant).during(
                self.request_id
            )
        return self._actor

    @property
    def today(self) -> dt.date:
        """Today, in UTC, where days of lists begin."""
        return self.now.date()

    def t(self, text: str, /, **values: Any) -> str:
        """A text in the reader's language."""
        return self.words.t(text, **values)

    def n(self, one: str, many: str, count: int, /, **values: Any) -> str:
        """A text for one or for many, in the reader's language."""
        return self.words.n(one, many, count, **values)

    def can(self, action: str, thing: object = None) -> bool:
        """Whether the administrator may do that."""
        return self.identity is not None and self.mounted.authorizer.can(self.identity, action, thing)

    def require(self, action: str, thing: object = None) -> None:
        """Go on only if the administrator may do that.

        Raises:
            Forbidden: they may not.
        """
        if not self.can(action, thing):
            raise Forbidden(action)

    def url(self, endpoint: str, **values: Any) -> str:
        """The address of one of our pages; values that are ``None`` or empty are left out."""
        given = {name: value for name, value in values.items() if value not in (None, "")}
        return url_for(f"{self.mounted.name}.{endpoint}", **given)

    def wants(self, part: str) -> bool:
        """Whether the module asks for a part of the page only: a region by its id, or ``dialog``."""
        return request.headers.get(PARTIAL) == part

    def show(
        self,
        template: str,
        *,
        status: int = 200,
        region: tuple[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """A page, or of it only the region that the module asked for.

        Args:
            region: id of the page's region and the template of it alone.
        """
        from seatguard_admin.shown import Shown

        shown = Shown(self)
        layout = self.mounted.layout(dialog=self.wants("dialog"))
        name = region[1] if region is not None and self.wants(region[0]) else template
        text = render_template(f"seatguard_admin/{name}", sg=shown, sg_layout=layout, **values)
        return make_response(text, status)

    def go(
        self, endpoint: str, *, said: str | None = None, undo: Mapping[str, str] | None = None, **values: Any
    ) -> Response:
        """Lead to another page after a change; a dialog is told where instead of being led.

        Args:
            said: what has happened, shown once on that page.
            undo: the address that takes it back, under ``"url"``, with its hidden fields.
        """
        return self.go_to(self.url(endpoint, **values), said=said, undo=undo)

    def go_to(
        self, address: str, *, said: str | None = None, undo: Mapping[str, str] | None = None
    ) -> Response:
        """As :meth:`go`, to an address of ours."""
        if self.wants("dialog"):
            answer = make_response("", 204)
            answer.headers["X-SG-Location"] = address
        else:
            answer = make_response(redirect(address, 303))
        if said is not None:
            note = self._signer("note").dumps({"said": said[:400], "undo": dict(undo or {})})
            answer.set_cookie(
                "sg_note",
                note,
                max_age=60,
                path=self.mounted.cookie_path,
                httponly=True,
                samesite="Lax",
                secure=request.is_secure,
            )
        return answer

    def note(self) -> dict[str, Any] | None:
        """What the page before had to say."""
        found: dict[str, Any] | None = self.unsigned("note", request.cookies.get("sg_note"))
        return found

    def signed(self, purpose: str, value: Any) -> str:
        """A value that comes back as it went out, or not at all."""
        return str(self._signer(purpose).dumps(value))

    def unsigned(self, purpose: str, text: str | None) -> Any:
        """What :meth:`signed` made; ``None`` for anything else."""
        if not text:
            return None
        try:
            return self._signer(purpose).loads(text)
        except BadSignature:
            return None

    def _signer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(self.mounted.secret(), salt=f"seatguard-admin-{purpose}")
