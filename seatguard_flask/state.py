"""What one instance of the extension knows of one app."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable

from seatguard.engine import Seatguard as Engine
from seatguard.errors import SeatguardError
from seatguard_flask.advice import Advice
from seatguard_flask.attempts import FailedAttempts
from seatguard_flask.settings import Settings
from seatguard_flask.switches import Switches

logger = logging.getLogger("seatguard.flask")


class State:
    """Settings, the engine behind them, and the failures counted; kept in ``app.extensions["seatguard"]``.

    It holds no reference to the app.

    Args:
        name: of the instance.
        host: name of the app, for the journal.
        engine: an engine made elsewhere; whoever made it closes it.
        switches: what may be turned while the app runs.
    """

    def __init__(
        self,
        name: str,
        host: str,
        settings: Settings,
        storage_uri: str,
        engine: Engine | None,
        switches: Switches,
    ) -> None:
        self.name = name
        self.host = host
        self.settings = settings
        self.switches = switches
        scheme = storage_uri.partition(":")[0].partition("+")[0]
        self.storage_kind = scheme if engine is None else "engine"
        self.attempts = FailedAttempts(settings.auth_failures_per_minute)
        self.prefixes = FailedAttempts(settings.auth_failures_per_minute, window=3600)
        self.advice = Advice(self.attempts)
        self.holder_loader: Callable[[], Callable[[], str | None] | None] = lambda: None
        self.project_ids: dict[str, str] = {}
        self._opening = _Opening(storage_uri, settings, engine)
        # Runs when the app is gone or the process ends, whichever comes first.
        weakref.finalize(self, self._opening.close)

    @property
    def engine(self) -> Engine:
        """The engine; its store is opened when it is first asked for.

        Raises:
            StorageUnavailable: the store did not answer in time.
            Misconfigured: there is no such store.
        """
        return self._opening.opened or self._opening.open()


class _Opening:
    """An engine opened once, however many threads want it first."""

    def __init__(self, storage_uri: str, settings: Settings, engine: Engine | None) -> None:
        self._storage_uri = storage_uri
        self._settings = settings
        self._lock = threading.Lock()
        self._own = engine is None
        self.opened = engine

    def open(self) -> Engine:
        with self._lock:
            if self.opened is None:
                self.opened = self._settings.open_engine(self._storage_uri)
            return self.opened

    def close(self) -> None:
        if self.opened is None:
            return
        try:
            self.opened.close() if self._own else self.opened.flush()
        except SeatguardError as error:
            logger.warning("the last refusals could not be written: %s", error)
