"""What the operator has said about the messages of one queue. Pure."""

from collections.abc import Set
from dataclasses import dataclass

from queuecast_poller.routing import Address

ITEM_ADDED = Address("item_added")
"""The address of a message that has none, where the operator has said nothing: everyone."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the messages of one queue are read and addressed.

    `default` is the address of a message that has none. `unwraps` says that envelopes are taken off,
    `broadcasts` that a message which names no room is for everyone. `own_attributes` are attributes that the
    application uses for something else, though they look like another spelling of one that addresses.
    `commands` says that messages may be commands to sessions.
    """

    default: Address = ITEM_ADDED
    max_body_bytes: int = 262_144
    max_record_bytes: int = 512 << 10
    unwraps: bool = True
    broadcasts: bool = True
    own_attributes: Set[str] = frozenset()
    commands: bool = False
