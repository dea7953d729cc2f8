"""Everything in this process's memory, under one lock. Passes the same contract as the databases.

For tests, demonstrations and single-process tools: what it holds ends with the process.
"""

from seatguard.storage.memory.gate import MemoryGate
from seatguard.storage.memory.ledger import MemoryLedger
from seatguard.storage.memory.meters import memory_meters
from seatguard.storage.memory.rows import MemoryRows

__all__ = ["MemoryGate", "MemoryLedger", "MemoryRows", "memory_meters"]
