"""The operator's rules for the messages of one queue, from the environment and the routes file. Pure."""

from collections.abc import Set
from dataclasses import dataclass, replace

from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_poller.route.address import Address
from queuecast_poller.route.model import Route, RoutesFile, queue_name

ITEM_ADDED = Address("item_added")
"""The default address of messages without one: everyone."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the messages of one queue are read and addressed.

    `default` is the address of messages without one. If `unwraps`, envelopes are taken off. If `broadcasts`,
    a message that names no room goes to everyone, and with `broadcasts_unmatched` it does so even if there
    are routes and none matches. `application_attributes` are attributes that the application uses for
    something else, though they look like misspellings of ours. If `commands`, messages may be commands to
    sessions. `payload_buckets` are the S3 buckets from which payloads may be fetched. `receives` is the most
    that may be under way at a time, None for the environment's setting. `rate` is the most messages a second.
    If it `keeps_latest`, the attribute `key` and the `latest` of routes are keys of records. If it
    `has_volatile`, the attribute `volatile` counts. If it waits for `acks`, the attribute `ack` and the `ack`
    of routes are followed. `hold_seconds` is for how long messages may be held, or 0.
    """

    queue: str = ""
    default: Address = ITEM_ADDED
    max_body_bytes: int = 1_048_576
    max_record_bytes: int = 2 << 20
    unwraps: bool = True
    broadcasts: bool = True
    broadcasts_unmatched: bool = False
    application_attributes: Set[str] = frozenset()
    commands: bool = False
    payload_buckets: Set[str] = frozenset()
    routes: tuple[Route, ...] = ()
    schemas: Schemas = NO_SCHEMAS
    receives: int | None = None
    rate: float | None = None
    keeps_latest: bool = False
    has_volatile: bool = False
    acks: bool = False
    hold_seconds: float = 0

    def with_file(self, file: RoutesFile, queue: str) -> "Rules":
        """Return these rules with the file's settings of a queue, as `QUEUECAST_QUEUES` names it."""
        settings = file.settings_of(queue)
        return replace(
            self,
            queue=queue_name(queue),
            default=self.default if settings.event is None else Address(settings.event),
            unwraps=self.unwraps if settings.unwraps is None else settings.unwraps,
            broadcasts=self.broadcasts if settings.broadcasts is None else settings.broadcasts,
            broadcasts_unmatched=settings.broadcasts is True,
            application_attributes=settings.application_attributes,
            routes=settings.routes,
            schemas=file.schemas,
            receives=settings.receives,
            rate=self.rate if settings.rate is None else settings.rate,
        )
