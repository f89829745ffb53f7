"""The bus: a Socket.IO Redis manager whose emits are records of a Redis Stream.

Both services use it and it imports neither of them. The modules, from pure to complete:
`record` → `publisher`, `reader` → `manager`.
"""

from queuecast_bus.errors import BadRecord, BusError, BusUnavailable
from queuecast_bus.manager import BusManager
from queuecast_bus.publisher import Stored
from queuecast_bus.reader import Batch, Entry, Gap
from queuecast_bus.record import Record
from queuecast_bus.settings import BusSettings

__all__ = [
    "BadRecord",
    "Batch",
    "BusError",
    "BusManager",
    "BusSettings",
    "BusUnavailable",
    "Entry",
    "Gap",
    "Record",
    "Stored",
]
