"""MariaDB connections that share what encrypts them.

PyMySQL 1.2 encrypts where the server can, and verifies nothing unless it is told how. For each such
connection it reads every certificate authority of the system, 25 to 60 ms of computing, and uses none of
them: a pool that many threads open at once spends a second on it.
"""

from __future__ import annotations

import functools
import ssl
from typing import Any

import pymysql


@functools.cache
def _verifying_nothing() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class SharingConnection(pymysql.Connection):
    """A connection that is encrypted as the driver's own, by a context that is made once."""

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        # The driver's own way for whoever says how to verify; should it be renamed, only the time is lost.
        made: ssl.SSLContext = super()._create_ssl_ctx(sslp) if sslp else _verifying_nothing()  # type: ignore[misc]
        return made
