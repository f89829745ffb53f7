"""The bus: a Socket.IO Redis manager whose emits are records of a Redis Stream.

Both services use it, and it imports neither of them. From pure to complete: `record` → `publisher`, `batch`,
`reader` → `manager`. A module belongs here if it defines what is in Redis or on its channels, or how to reach
it, because both services must agree on that.
"""

from queuecast_bus.batch import Batch, Entries, Entry, Gap
from queuecast_bus.errors import BadRecord, BusError, BusUnavailable
from queuecast_bus.manager import BusManager
from queuecast_bus.publisher import Stored
from queuecast_bus.record import Record
from queuecast_bus.settings import BusSettings

__all__ = [
    "BadRecord",
    "Batch",
    "BusError",
    "BusManager",
    "BusSettings",
    "BusUnavailable",
    "Entries",
    "Entry",
    "Gap",
    "Record",
    "Stored",
]
