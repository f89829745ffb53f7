"""The content of a routes file, ready for use. Pure."""

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
"""The parts of a message that an expression can read: see `docs/messages.md`."""


MAX_HOLD_SECONDS = 39_600
"""Longest time for which a message can be held, eleven hours: SQS hides none for more than twelve."""

MAX_RECEIVES = 64
"""Most receives of one queue that can be under way at a time."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route: which messages it is for, and what it sets. It leaves unchanged whatever is None.

    `place` names it in the log, such as `routes[0]`. `rooms` are expressions, each for one room or a list of
    them. `max_age_seconds` is a number or an expression for one. `latest` is an expression for a key: of the
    messages with the same key only the newest counts. `volatile` is a fact or an expression for one. `ack`
    is an expression for who has to acknowledge the event, `hold_seconds` a number or an expression for one.
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
    volatile: Expression | bool | None = None
    ack: Expression | None = None
    hold_seconds: Expression | float | None = None

    @property
    def addresses(self) -> bool:
        """Whether it sets the recipients. A route that sets an event but no rooms means everyone."""
        return not (self.event is None and self.namespace is None and self.rooms is None)

    def __str__(self) -> str:
        return f"{self.place} ({self.name})" if self.name else self.place


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The file's settings for one queue. For those that are None the environment's apply.

    `receives` is the most that may be under way at a time, `rate` the most messages a second.
    """

    event: str | None = None
    unwraps: bool | None = None
    broadcasts: bool | None = None
    receives: int | None = None
    rate: float | None = None
    application_attributes: Set[str] = frozenset()
    routes: tuple[Route, ...] = ()


NOTHING = QueueSettings()


@dataclass(frozen=True, slots=True)
class RoutesFile:
    """The whole file: settings for all queues, and for some by the names that they have in the file."""

    all_queues: QueueSettings = NOTHING
    queues: Mapping[str, QueueSettings] = field(default_factory=dict)
    schemas: Schemas = NO_SCHEMAS

    def settings_of(self, queue: str) -> QueueSettings:
        """Return the settings of a queue, as `QUEUECAST_QUEUES` names it. Its own routes come first."""
        specific = self.queues.get(queue) or self.queues.get(queue_name(queue)) or NOTHING
        common = self.all_queues
        return QueueSettings(
            event=common.event if specific.event is None else specific.event,
            unwraps=common.unwraps if specific.unwraps is None else specific.unwraps,
            broadcasts=common.broadcasts if specific.broadcasts is None else specific.broadcasts,
            receives=common.receives if specific.receives is None else specific.receives,
            rate=common.rate if specific.rate is None else specific.rate,
            application_attributes=specific.application_attributes | common.application_attributes,
            routes=specific.routes + common.routes,
        )


def queue_name(name: str) -> str:
    """Return the name of a queue that is given as a name, a URL or an ARN."""
    return name.rpartition("/")[2].rpartition(":")[2]
