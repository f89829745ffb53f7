"""What a routes file says, ready for use. Pure."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_poller.route.expression import Expression

PARTS = frozenset(
    {
        "data",
        "attributes",
        "envelopes",
        "sns",
        "eventbridge",
        "s3",
        "cloudevents",
        "s3_pointer",
        "queue",
        "message",
    }
)
"""What an expression can look at: see `docs/messages.md`."""


MAX_RECEIVES = 64
"""Most receives of one queue that can be under way."""


@dataclass(frozen=True, slots=True)
class Route:
    """One rule: for which messages, and what it says of them. What is None it leaves as it is.

    `place` names it in the log, such as `routes[0]`. `rooms` are expressions, each for one room or a list of
    them. `max_age_seconds` is a number, or an expression that finds one. `latest` finds the key of which only
    the newest message counts.
    """

    place: str
    name: str = ""
    when: Expression | None = None
    event: Expression | None = None
    namespace: Expression | None = None
    rooms: tuple[Expression, ...] | None = None
    data: Expression | None = None
    max_age_seconds: Expression | float | None = None
    latest: Expression | None = None

    @property
    def addresses(self) -> bool:
        """Whether it says to whom a message goes. One that names no room says: to everyone."""
        return not (self.event is None and self.namespace is None and self.rooms is None)

    def __str__(self) -> str:
        return f"{self.place} ({self.name})" if self.name else self.place


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What the file says of one queue; what is None stays as the environment says.

    `receives` is the most that are under way, `rate` the most events a second.
    """

    event: str | None = None
    unwraps: bool | None = None
    broadcasts: bool | None = None
    receives: int | None = None
    rate: float | None = None
    own_attributes: Set[str] = frozenset()
    routes: tuple[Route, ...] = ()


NOTHING = QueueSettings()


@dataclass(frozen=True, slots=True)
class RoutesFile:
    """The whole file: for all queues, and for each of some.

    `queues` has them by the names that they have in the file.
    """

    everywhere: QueueSettings = NOTHING
    queues: Mapping[str, QueueSettings] = field(default_factory=dict)
    schemas: Schemas = NO_SCHEMAS

    def of(self, queue: str) -> QueueSettings:
        """Return what is said of a queue, as `QUEUECAST_QUEUES` names it; its own routes come first."""
        own = self.queues.get(queue) or self.queues.get(queue_name(queue)) or NOTHING
        common = self.everywhere
        return QueueSettings(
            event=common.event if own.event is None else own.event,
            unwraps=common.unwraps if own.unwraps is None else own.unwraps,
            broadcasts=common.broadcasts if own.broadcasts is None else own.broadcasts,
            receives=common.receives if own.receives is None else own.receives,
            rate=common.rate if own.rate is None else own.rate,
            own_attributes=own.own_attributes | common.own_attributes,
            routes=own.routes + common.routes,
        )


def queue_name(name: str) -> str:
    """Return the name of a queue that was given as that, as a URL or as an ARN."""
    return name.rpartition("/")[2].rpartition(":")[2]
