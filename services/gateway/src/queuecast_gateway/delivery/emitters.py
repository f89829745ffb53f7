"""Carries out on this replica what emitters in other processes publish, and counts what became of it.

Every replica hears every message and looks after its own sessions. Nothing of this is stored: what is
published while a browser or a replica is away is lost for it.
"""

import logging

from queuecast_bus import BadRecord, Record
from queuecast_bus.command import Command, Target, Verb
from queuecast_bus.manager import dump_arguments
from queuecast_bus.names import BadName, check_published_event
from queuecast_gateway.delivery.commands import Commands
from queuecast_gateway.delivery.rooms import NOBODY, Audience, Rooms
from queuecast_gateway.metrics import EMITTER_OUTCOMES, Metrics
from queuecast_gateway.wire.emission import Emission, Request

log = logging.getLogger(__name__)

MAX_NAMED = 100
"""How many different reasons not to follow a message are named in the log. All messages are counted."""


class Emitters:
    """Delivers the events of emitters, and applies their requests to sessions."""

    def __init__(
        self, rooms: Rooms, commands: Commands, metrics: Metrics, namespaces: frozenset[str]
    ) -> None:
        self._rooms = rooms
        self._commands = commands
        self._namespaces = namespaces
        self._events_delivered = metrics.events_delivered
        self._outcomes = {outcome: metrics.emitters.labels(outcome) for outcome in EMITTER_OUTCOMES}
        self._named: set[str] = set()

    def deliver(self, emission: Emission) -> None:
        """Deliver an event to the sessions here that it is for."""
        audience = self.audience(emission)
        if audience is NOBODY:
            return
        try:
            check_published_event(emission.event)
            arguments, attachments = dump_arguments(emission.data)
            self._rooms.write(
                Record(emission.event, arguments, emission.namespace, attachments=attachments), audience
            )
        except BadName as exc:
            self.skip(BadRecord(str(exc), "event_name"))
        except BadRecord as exc:
            self.skip(exc)
        else:
            self.count("delivered")
            self._events_delivered.inc(len(audience.recoverable) + len(audience.plain))

    def audience(self, emission: Emission) -> Audience:
        """Return the connections here that an event is for; count it if there are none."""
        if not self._serves(emission.namespace):
            return NOBODY
        skipped: frozenset[str] = frozenset(emission.skip_sids)
        if emission.except_rooms:
            skipped |= self._rooms.sids(emission.namespace, emission.except_rooms)
        audience = self._rooms.audience(emission.namespace, emission.rooms, skipped)
        if audience is NOBODY:
            self.count("nobody_here")
        return audience

    def carry_out(self, request: Request) -> None:
        """Disconnect sessions here, or make them join or leave rooms, as far as their tokens allow it."""
        if not self._serves(request.namespace):
            return
        rooms = self._rooms
        self.count("command")
        sids = rooms.sids(request.namespace, request.rooms, request.except_rooms)
        command = Command(request.verb, request.namespace, Target.ROOM, "", request.targets)
        if not request.whole:
            self._commands.apply_to(command, sids)
            return
        for sid in sids:
            eio_sid = rooms.eio_sid_from_sid(sid, request.namespace)
            for namespace in rooms.namespaces_of(eio_sid):
                end = Command(Verb.DISCONNECT, namespace, Target.ROOM, "")
                self._commands.apply_to(end, [rooms.sid_from_eio_sid(eio_sid, namespace)])

    def skip(self, exc: BadRecord) -> None:
        """Count and log a message that cannot be read, or whose event some client could not take."""
        self.count("malformed")
        self._rooms.history.on_skipped("a message of an emitter", exc)

    def refuse(self, outcome: str, why: str) -> None:
        """Count a message that is not followed; log why, once for each reason."""
        self.count(outcome)
        if why not in self._named and len(self._named) < MAX_NAMED:
            self._named.add(why)
            log.warning("messages of emitters are not followed: %s", why)

    def count(self, outcome: str) -> None:
        """Count a message by what became of it."""
        self._outcomes[outcome].inc()

    def _serves(self, namespace: str) -> bool:
        # The board's is not among them: an event must not pass for the gateway's own figures.
        if namespace in self._namespaces:
            return True
        self.refuse("unknown_namespace", f"the namespace {namespace[:80]!r} is not in QUEUECAST_NAMESPACES")
        return False
