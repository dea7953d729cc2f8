"""For tests of hosts and of storage backends: a clock that stands, the contracts, and faults on demand.

A backend proves itself by subclassing :class:`GateContract` and :class:`LedgerContract`, and for meters
:class:`UsageContract`, :class:`RateContract` and :class:`LeaseContract`::

    class TestMyGate(GateContract):
        @pytest.fixture
        def store(self, clock):
            return Store(MyLedger(), MyGate(clock))

:class:`FailingCalls` lets single calls of a store fail, to see what is left behind.

Needs pytest. Nothing in Seatguard imports this package.
"""

from seatguard.testing.clock import FrozenClock
from seatguard.testing.faults import FailingCalls
from seatguard.testing.gate_contract import GateContract
from seatguard.testing.ledger_contract import LedgerContract
from seatguard.testing.meter_contracts import LeaseContract, RateContract, UsageContract

__all__ = [
    "FailingCalls",
    "FrozenClock",
    "GateContract",
    "LedgerContract",
    "LeaseContract",
    "RateContract",
    "UsageContract",
]
