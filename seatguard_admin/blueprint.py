"""The blueprint: mounts the pages, lets the right people in, and answers when something goes wrong."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Request, Response, current_app, g, make_response, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from seatguard.errors import Conflict, Denied, InvalidInput, Misconfigured, NotFound, StorageUnavailable
from seatguard.sentences import sentence
from seatguard_admin import protection
from seatguard_admin.desk import Desk, Forbidden
from seatguard_admin.identity import Authorizer, Callback, Identity
from seatguard_admin.preferences import Preferences
from seatguard_admin.registry import Page, Pages
from seatguard_admin.translations import Words, language_of
from seatguard_flask.exchange import request_id

if TYPE_CHECKING:
    from jinja2 import Template

    from seatguard.engine import Seatguard as Engine
    from seatguard_flask import Seatguard

PAGES = (
    "dashboard",
    "clients",
    "projects",
    "services",
    "seats",
    "keys",
    "plans",
    "reports",
    "activity",
    "api_docs",
    "views",
    "search",
    "account",
)
"""The modules of ``seatguard_admin.pages``, in the order of the navigation."""

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_BLOCK = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOLDER = Path(__file__).parent

logger = logging.getLogger("seatguard.admin")


class SeatguardAdmin:
    """The admin pages on one app.

    Args:
        app: the app, or ``None`` to call :meth:`init_app` later.
        seatguard: the extension whose engine the pages operate.
        authorizer: who may see the pages and what they may do: :class:`SignIn`, :class:`FlaskLogin`,
            :class:`FlaskSecurity`, :class:`Callback`, or a function of the request that answers an
            :class:`Identity` or ``None``. There is no default: pages open to everybody are a mistake.
        url_prefix: where the pages are.
        product: name shown beside the sign.
        base_template: a template of the host's; then the pages appear inside its ``block``, without a
            sidebar of their own.
        block: name of the host's block for content.
        title_block: name of the host's block for the page's title, if it has one.
        policy: the content security policy of the pages; ``None`` leaves it to the host, whose own template
            may need another one.
        name: tells several instances on one app apart.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        seatguard: Seatguard,
        authorizer: Authorizer | Callable[[Request], Identity | None] | None = None,
        url_prefix: str = "/seatguard",
        product: str = "Seatguard",
        base_template: str | None = None,
        block: str = "content",
        title_block: str | None = None,
        policy: str | None = protection.POLICY,
        name: str = "seatguard_admin",
    ) -> None:
        if authorizer is None:
            raise Misconfigured(
                "the admin pages need to know who may see them: pass authorizer=SignIn() for accounts of"
                " their own (seatguard admin create), FlaskLogin(...), FlaskSecurity(...), or a function of"
                " the request"
            )
        if not _PATH.fullmatch(url_prefix):
            raise Misconfigured(f'url_prefix is {url_prefix!r}: give a path such as "/seatguard"')
        for given in (block, title_block):
            if given is not None and not _BLOCK.fullmatch(given):
                raise Misconfigured(f"{given!r} is no name of a block")
        self._mounted = Mounted(
            name=name,
            seatguard=seatguard,
            authorizer=Callback(authorizer) if _is_function(authorizer) else authorizer,  # type: ignore[arg-type]
            url_prefix=url_prefix,
            product=product,
            base_template=base_template,
            block=block,
            title_block=title_block,
            policy=policy,
        )
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Mount the pages.

        Raises:
            Misconfigured: the app's ``SECRET_KEY`` is missing or weak, or Flask-WTF is not installed.
        """
        protection.strong_secret(app)
        app.register_blueprint(_blueprint(self._mounted))


class Mounted:
    """What the pages know of where they are."""

    def __init__(
        self,
        *,
        name: str,
        seatguard: Seatguard,
        authorizer: Authorizer,
        url_prefix: str,
        product: str,
        base_template: str | None,
        block: str,
        title_block: str | None,
        policy: str | None,
    ) -> None:
        self.name = name
        self.seatguard = seatguard
        self.authorizer = authorizer
        self.url_prefix = url_prefix
        self.product = product
        self.base_template = base_template
        self.block = block
        self.title_block = title_block
        self.policy = policy

    @property
    def embedded(self) -> bool:
        """Whether the pages appear inside the host's own template."""
        return self.base_template is not None

    @property
    def cookie_path(self) -> str:
        """Our cookies are sent to our pages only."""
        root = request.script_root.rstrip("/")
        return f"{root}{self.url_prefix}"

    def engine(self) -> Engine:
        """The engine behind the pages."""
        return self.seatguard.engine

    def secret(self) -> str | bytes:
        """The app's secret, for what goes out and comes back."""
        given: str | bytes = current_app.config["SECRET_KEY"]
        return given

    def layout(self, *, dialog: bool) -> Template | str:
        """The template that pages extend."""
        if dialog:
            return "seatguard_admin/layout_dialog.html"
        if self.base_template is None:
            return "seatguard_admin/layout_alone.html"
        return current_app.jinja_env.from_string(_embedding(self.base_template, self.block, self.title_block))


@cache
def _embedding(base_template: str, block: str, title_block: str | None) -> str:
    """A template that puts our pages into a block of the host's; names of blocks are no variables."""
    title = ""
    if title_block is not None:
        title = "{% block " + title_block + " %}{{ self.sg_title() }}{% endblock %}"
    inner = (_FOLDER / "templates" / "seatguard_admin" / "layout_embedded.html").read_text()
    return f"{{% extends {base_template!r} %}}{title}{{% block {block} %}}{inner}{{% endblock %}}"


@cache
def stamp(file: str) -> str:
    """The beginning of a static file's hash: a new version has a new address."""
    return hashlib.sha256((_FOLDER / "static" / file).read_bytes()).hexdigest()[:10]


def _is_function(authorizer: object) -> bool:
    return callable(authorizer) and not hasattr(authorizer, "current")


def _blueprint(mounted: Mounted) -> Blueprint:
    blueprint = Blueprint(
        mounted.name,
        __name__,
        url_prefix=mounted.url_prefix,
        template_folder="templates",
        static_folder="static",
    )
    for module in PAGES:
        pages: Pages = import_module(f"seatguard_admin.pages.{module}").pages
        for page in pages.found:
            blueprint.add_url_rule(
                page.rule, endpoint=page.name, view_func=_view(mounted, page), methods=list(page.methods)
            )

    def finish(response: Response) -> Response:
        if request.endpoint == f"{mounted.name}.static":
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response
        return protection.finish(response, _request_id(), policy=mounted.policy)

    def failed(error: Exception) -> ResponseReturnValue:
        return _failure(mounted, error)

    blueprint.after_request(finish)
    blueprint.register_error_handler(Exception, failed)
    return blueprint


def _view(mounted: Mounted, page: Page) -> Callable[..., Response]:
    def view(**variables: str) -> Response:
        identity = None
        if not page.open:
            identity = mounted.authorizer.current(mounted.engine(), request)
            if identity is None:
                return _sign_in_first(mounted)
        desk = Desk(mounted, identity, _request_id(), _words())
        g._seatguard_admin_identity = identity
        if request.method == "POST":
            protection.check(request)
        if page.needs is not None:
            desk.require(page.needs)
        return page.make(desk, **variables)

    view.__name__ = page.name
    return view


def _sign_in_first(mounted: Mounted) -> Response:
    # What a form was sent to is no page to come back to.
    back_to = request.full_path.rstrip("?") if request.method == "GET" else f"{mounted.url_prefix}/"
    back_to = request.script_root + back_to
    if mounted.authorizer.signs_in:
        desk = Desk(mounted, None, _request_id(), _words())
        home = desk.url("dashboard")
        return make_response(redirect(desk.url("sign_in", next=None if back_to == home else back_to), 303))
    address = mounted.authorizer.sign_in_url(back_to)
    if address is not None:
        return make_response(redirect(address, 303))
    t = _words().t
    return _problem(
        mounted,
        401,
        t("Sign in first"),
        t("These pages are for administrators who are signed in."),
        shell=False,
    )


def _failure(mounted: Mounted, error: Exception) -> ResponseReturnValue:
    """Every error as a page: what happened, what to do, and the request's id."""
    t = _words().t
    match error:
        case Forbidden(action=action):
            return _problem(
                mounted,
                403,
                t("You may not do this"),
                t(
                    "Your role lacks the permission %(action)s. An owner can give you another role.",
                    action=action,
                ),
            )
        case protection.ForgedRequest():
            return _problem(
                mounted,
                400,
                t("This form is too old"),
                t("Its protection against forged requests did not fit. Go back, reload and send it again."),
            )
        case NotFound():
            return _problem(
                mounted,
                404,
                t("Not found"),
                t("There is no such thing here, or it belongs to somebody else."),
            )
        case Conflict():
            return _problem(mounted, 409, t("That does not fit what is there"), str(error))
        case Denied(decision=decision):
            return _problem(mounted, 409, t("That is not possible now"), sentence(decision))
        case InvalidInput():
            return _problem(mounted, 400, t("That cannot be used"), str(error))
        case StorageUnavailable():
            response = _problem(
                mounted,
                503,
                t("The database does not answer"),
                t("Nothing was changed. Try again in a moment."),
            )
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        case HTTPException(code=404):
            return _problem(mounted, 404, t("Not found"), t("There is no page at this address."))
        case HTTPException():
            if error.code is None or error.code < 400:
                return error
            return _problem(mounted, error.code, error.name, error.description or "")
        case _:
            logger.error("request %s failed", _request_id(), exc_info=error)
            return _problem(
                mounted,
                500,
                t("Something went wrong here"),
                t("It was written to the log under the request's id below. Nothing you typed was wrong."),
            )


def _problem(mounted: Mounted, status: int, title: str, text: str, *, shell: bool = True) -> Response:
    identity = g.get("_seatguard_admin_identity") if shell else None
    desk = Desk(mounted, identity, _request_id(), _words())
    return desk.show("problem.html", status=status, title=title, text=text, code=status)


def _words() -> Words:
    return Words(language_of(request, Preferences.read(request.cookies).language))


def _request_id() -> str:
    if "_seatguard_admin_request" not in g:
        g._seatguard_admin_request = request_id(request.environ)
    made: str = g._seatguard_admin_request
    return made
