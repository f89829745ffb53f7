"""The names under which the bus lives in Redis. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key of one bus.

    `channel` is the pub/sub channel of the stock managers, and tells buses on one Redis apart. The keys share
    one hash tag, so that the append script stays atomic on a Redis Cluster.
    """

    channel: str = "socketio"

    @property
    def stream(self) -> str:
        return f"queuecast:{{{self.channel}}}:records"

    @property
    def tail(self) -> str:
        """Holds the offset of the newest record."""
        return f"queuecast:{{{self.channel}}}:tail"

    @property
    def rewound(self) -> str:
        """Holds the newest offset up to which records may have been lost; see `Gap`."""
        return f"queuecast:{{{self.channel}}}:rewound"

    @property
    def canary(self) -> str:
        """Holds the key by which pollers know each other's canaries."""
        return f"queuecast:{{{self.channel}}}:canary"

    @property
    def behind(self) -> str:
        """Exists while a gateway is behind; pollers wait meanwhile."""
        return f"queuecast:{{{self.channel}}}:behind"

    def namespace(self, name: str) -> str:
        """Exists while a gateway serves this namespace."""
        return f"queuecast:{{{self.channel}}}:namespace:{name}"

    def session(self, pid: str) -> str:
        """Exists while a browser may come back as the session with this private id."""
        return f"queuecast:{{{self.channel}}}:session:{pid}"

    def inbox(self, replica: str) -> str:
        """The pub/sub channel of one replica."""
        return f"queuecast:{{{self.channel}}}:inbox:{replica}"

    def seen(self, dedup_id: str) -> str:
        """Exists while a record with this dedup id must not be published again."""
        return f"queuecast:{{{self.channel}}}:seen:{dedup_id}"
