"""Which rooms a session is in after a command, whether it is connected or recovered later. Pure."""

from collections.abc import Mapping

from queuecast_bus.command import Command, Verb
from queuecast_bus.names import is_session_id
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.wire.presence import is_watch_room, room_of


def rooms_after(
    command: Command, rooms: Mapping[str, str], at: str, identity: Identity, max_rooms: int
) -> tuple[Mapping[str, str], str]:
    """Return the rooms of a session after a join or a leave at an offset, and the outcome.

    Each room has the offset at which it was joined. A join is for all of its rooms or for none.
    """
    if command.verb is Verb.LEAVE:
        return {room: joined for room, joined in rooms.items() if room_of(room) not in command.rooms}, "left"
    # A session's own room is for that session alone.
    if any(is_session_id(room) or not identity.may_join(room) for room in command.rooms):
        return rooms, "forbidden"
    after = {**rooms, **{room: at for room in command.rooms if room not in rooms}}
    number = sum(not is_watch_room(room) for room in after)
    return (rooms, "too_many_rooms") if number > max_rooms else (after, "joined")
