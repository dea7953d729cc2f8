"""PostgreSQL connections that stop waiting.

``statement_timeout`` is the server's own; it is of no use when the server or the network is gone.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.types.string import TextLoader

WAIT = 2.0
"""Seconds to wait for one answer."""


def connect(*args: Any, **options: Any) -> PatientConnection:
    """A patient connection that reads ids as the text that they are to us.

    Not as objects of which the text would be made again. Said afterwards: SQLAlchemy brings a map of its own.
    """
    connection = PatientConnection.connect(*args, **options)
    connection.adapters.register_loader("uuid", TextLoader)
    return connection


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer in time."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer, at most ``WAIT`` seconds.

        Raises:
            psycopg.OperationalError: there was none; the connection is closed.
        """
        try:
            return super().wait(gen, interval=interval, timeout=WAIT if timeout is None else timeout)
        except errors._WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {WAIT} seconds") from error

    @property
    def is_idle(self) -> bool:
        """Whether it is open, in no transaction, and no answer is to come. Asks nobody."""
        return self.pgconn.transaction_status == TransactionStatus.IDLE

    def rollback(self) -> None:
        """End the transaction, with the connection where somebody was interrupted while he waited for it.

        A time limit of the host's may raise what psycopg does not know, and the connection then takes no
        statement any more: the answer to the last one is still to come.
        """
        if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.close()
        else:
            super().rollback()
