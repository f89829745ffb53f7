"""What the operator has said about the messages of one queue, in the environment and in the file. Pure."""

from collections.abc import Set
from dataclasses import dataclass, replace

from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_poller.route.model import Route, RoutesFile, queue_name
from queuecast_poller.routing import Address

ITEM_ADDED = Address("item_added")
"""The address of a message that has none, where the operator has said nothing: everyone."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the messages of one queue are read and addressed.

    `default` is the address of a message that has none. `unwraps` says that envelopes are taken off,
    `broadcasts` that a message which names no room is for everyone, `broadcasts_unmatched` that this holds
    though there are routes and none matches. `own_attributes` are attributes that the application uses for
    something else, though they look like another spelling of one that addresses. `commands`
    says that messages may be commands to sessions. `receives` is the most that are under way, None as many as
    the environment says; `rate` the most events a second.
    """

    queue: str = ""
    default: Address = ITEM_ADDED
    max_body_bytes: int = 1_048_576
    max_record_bytes: int = 2 << 20
    unwraps: bool = True
    broadcasts: bool = True
    broadcasts_unmatched: bool = False
    own_attributes: Set[str] = frozenset()
    commands: bool = False
    routes: tuple[Route, ...] = ()
    schemas: Schemas = NO_SCHEMAS
    receives: int | None = None
    rate: float | None = None

    def with_file(self, file: RoutesFile, queue: str) -> "Rules":
        """Return these with what the file says of a queue, which `QUEUECAST_QUEUES` names so."""
        said = file.of(queue)
        return replace(
            self,
            queue=queue_name(queue),
            default=self.default if said.event is None else Address(said.event),
            unwraps=self.unwraps if said.unwraps is None else said.unwraps,
            broadcasts=self.broadcasts if said.broadcasts is None else said.broadcasts,
            broadcasts_unmatched=said.broadcasts is True,
            own_attributes=said.own_attributes,
            routes=said.routes,
            schemas=file.schemas,
            receives=said.receives,
            rate=self.rate if said.rate is None else said.rate,
        )
