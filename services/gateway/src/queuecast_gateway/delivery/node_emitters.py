"""Listens to what `@socket.io/redis-emitter` and its relatives in other languages publish."""

from contextlib import aclosing

from queuecast_bus import BadRecord
from queuecast_bus.clients import Clients
from queuecast_bus.keys import Keys
from queuecast_bus.subscription import Subscription
from queuecast_gateway.delivery.emitters import Emitters
from queuecast_gateway.wire.emission import Emission, Unsupported
from queuecast_gateway.wire.node_message import read_node_message


class NodeEmitters:
    """The channels of Node's emitters, on a connection of their own: the control channel never waits for it.

    A pattern is not counted by PUBSUB NUMSUB. So Node's servers on the same Redis expect no answers from us.
    """

    def __init__(self, clients: Clients, keys: Keys, emitters: Emitters, max_bytes: int) -> None:
        self.subscription = Subscription(clients, "the emitters' channels", patterns=keys.emitter_patterns)
        self._key = keys.emitter_key
        self._emitters = emitters
        self._max_bytes = max_bytes

    async def run(self) -> None:
        """Follow what is published, for ever."""
        async with aclosing(self.subscription.messages()) as messages:
            async for channel, message in messages:
                self.follow(channel, message)

    def follow(self, channel: bytes, message: bytes) -> None:
        """Follow one message. Whatever it holds, nothing is raised."""
        try:
            read = read_node_message(self._key, channel, message, self._max_bytes)
        except BadRecord as exc:
            self._emitters.skip(exc)
        except Unsupported as exc:
            self._emitters.refuse("unsupported", f"a gateway does not answer requests {exc}")
        else:
            if isinstance(read, Emission):
                self._emitters.deliver(read)
            else:
                self._emitters.carry_out(read)
