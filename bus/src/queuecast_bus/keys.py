"""The names of the bus's keys and channels in Redis. Pure."""

import re
from dataclasses import dataclass

_GLOB = re.compile(r"[*?[\]\\]")
"""Characters that mean something in a pattern of PSUBSCRIBE: https://redis.io/docs/latest/commands/psubscribe/."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of one bus.

    `channel` is the pub/sub channel of the stock managers, and distinguishes the buses on one Redis. All keys
    share one hash tag, so that the append script stays atomic on a Redis Cluster.
    """

    channel: str = "socketio"

    @property
    def hash_tag(self) -> str:
        """The part in braces, by which a cluster finds the slot of a key."""
        return self.channel

    @property
    def stream(self) -> str:
        return f"queuecast:{{{self.channel}}}:records"

    @property
    def tail(self) -> str:
        """Has the offset of the newest record."""
        return f"queuecast:{{{self.channel}}}:tail"

    @property
    def rewound(self) -> str:
        """Has the newest offset up to which records may have been lost; see `Gap`."""
        return f"queuecast:{{{self.channel}}}:rewound"

    @property
    def told(self) -> str:
        """Has the offset of the newest record by which a writer tells that Redis lost records."""
        return f"queuecast:{{{self.channel}}}:told"

    @property
    def canary(self) -> str:
        """Has the key with which pollers sign canaries."""
        return f"queuecast:{{{self.channel}}}:canary"

    @property
    def behind(self) -> str:
        """Exists while a gateway is behind; pollers then receive nothing."""
        return f"queuecast:{{{self.channel}}}:behind"

    @property
    def reports_wanted(self) -> str:
        """Exists while an operator looks at the queues; pollers then report."""
        return f"queuecast:{{{self.channel}}}:reports-wanted"

    @property
    def reports(self) -> str:
        """Has the pollers' last reports about their queues."""
        return f"queuecast:{{{self.channel}}}:reports"

    @property
    def queue_sends(self) -> str:
        """Has what people put on queues from a live board, until a poller takes it."""
        return f"queuecast:{{{self.channel}}}:sends"

    @property
    def replicas(self) -> str:
        """Has the gateways that are there; see `replicas`."""
        return f"queuecast:{{{self.channel}}}:replicas"

    def acks(self, inbox: str) -> str:
        """Has the gateways' reports for one poller; see `ack_reports`."""
        return f"queuecast:{{{self.channel}}}:acks:{inbox}"

    def namespace(self, name: str) -> str:
        """Exists while a gateway serves this namespace."""
        return f"queuecast:{{{self.channel}}}:namespace:{name}"

    def writer(self, writer_id: str) -> str:
        """Has the number of steps in which this writer has stored records."""
        return f"queuecast:{{{self.channel}}}:writer:{writer_id}"

    def session(self, pid: str) -> str:
        """Exists while a browser can recover the session with this private id."""
        return f"queuecast:{{{self.channel}}}:session:{pid}"

    def latest(self, namespace: str, room: str) -> str:
        """Has the newest record of each key of a room. A comma ends a namespace, and no room has one."""
        return f"queuecast:{{{self.channel}}}:latest:{namespace},{room}"

    def inbox(self, replica: str) -> str:
        """The pub/sub channel of one replica."""
        return f"queuecast:{{{self.channel}}}:inbox:{replica}"

    @property
    def presence_leases(self) -> str:
        """Has the replicas whose part of who is there counts, by when that ends."""
        return f"queuecast:{{{self.channel}}}:presence:leases"

    @property
    def presence_log(self) -> str:
        """Has what replicas have announced last about who is there."""
        return f"queuecast:{{{self.channel}}}:presence:log"

    def presence_part(self, replica: str) -> str:
        """Has who is in the rooms of one replica."""
        return f"queuecast:{{{self.channel}}}:presence:part:{replica}"

    @property
    def emitter_key(self) -> str:
        """The `key` of Node's emitters, with which their channels begin: theirs by default for our default
        channel, and the channel's name for any other.
        """
        return "socket.io" if self.channel == "socketio" else self.channel

    @property
    def emitter_patterns(self) -> tuple[str, str]:
        """The patterns of the channels on which Node's emitters publish events and requests."""
        key = _GLOB.sub(r"\\\g<0>", self.emitter_key)
        return f"{key}#*", f"{key}-request#*"

    def seen(self, dedup_id: str) -> str:
        """Exists while a record with this dedup id must not be published again."""
        return f"queuecast:{{{self.channel}}}:seen:{dedup_id}"
