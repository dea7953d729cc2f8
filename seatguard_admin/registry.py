"""How pages are declared: what path, what it takes to see it, and which function makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response

Make = Callable[..., Response]
"""Is given the desk and the variables of the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One path of the pages.

    Attributes:
        needs: the action that the reader must be allowed; ``None`` is everybody who may see the pages.
        open: whether the page is there for people who are not signed in.
    """

    rule: str
    name: str
    methods: tuple[str, ...]
    needs: str | None
    make: Make
    open: bool = False


class Pages:
    """The pages of one slice."""

    def __init__(self) -> None:
        self.found: list[Page] = []

    def get(self, rule: str, *, needs: str | None, open: bool = False) -> Callable[[Make], Make]:
        """Declare a page that only shows something."""
        return self._add(rule, ("GET",), needs, open)

    def post(self, rule: str, *, needs: str | None, open: bool = False) -> Callable[[Make], Make]:
        """Declare a change without a page of its own."""
        return self._add(rule, ("POST",), needs, open)

    def form(self, rule: str, *, needs: str | None, open: bool = False) -> Callable[[Make], Make]:
        """Declare a form: shown, then sent to the same path."""
        return self._add(rule, ("GET", "POST"), needs, open)

    def _add(
        self, rule: str, methods: tuple[str, ...], needs: str | None, open: bool
    ) -> Callable[[Make], Make]:
        def add(make: Make) -> Make:
            self.found.append(
                Page(rule=rule, name=make.__name__, methods=methods, needs=needs, make=make, open=open)
            )
            return make

        return add
