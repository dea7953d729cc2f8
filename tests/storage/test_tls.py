"""Encrypted as the driver would, without its price for each connection."""

from __future__ import annotations

import ssl

import pytest

from seatguard.storage.sqlalchemy.tls import SharingConnection


def test_connections_that_verify_nothing_share_one_context() -> None:
    """It is made once, and asks the server for no certificate that anybody would look at."""
    pytest.importorskip("pymysql", minversion="1.2")
    one, other = (SharingConnection(host="db.invalid", defer_connect=True) for _ in range(2))
    assert one.ctx is other.ctx
    assert one.ctx.verify_mode is ssl.CERT_NONE


def test_a_connection_that_verifies_does_so_by_its_own_context() -> None:
    """Who names an authority is not given the one that verifies nothing."""
    checked = SharingConnection(host="db.invalid", ssl_verify_identity=True, defer_connect=True)
    assert checked.ctx.verify_mode is ssl.CERT_REQUIRED
