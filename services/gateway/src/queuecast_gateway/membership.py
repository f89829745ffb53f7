"""In which rooms a session is after a command, whether it is here or comes back later. Pure."""

from collections.abc import Mapping

from queuecast_bus.command import Command, Verb
from queuecast_bus.names import is_session_id
from queuecast_gateway.access.grant import Identity


def rooms_after(
    command: Command, rooms: Mapping[str, str], at: str, identity: Identity, max_rooms: int
) -> tuple[Mapping[str, str], str]:
    """Return in which rooms a session is after a join or a leave at an offset, and what became of it.

    With each room goes the offset at which it was joined. A join is for all of its rooms or for none.
    """
    if command.verb is Verb.LEAVE:
        return {room: joined for room, joined in rooms.items() if room not in command.rooms}, "left"
    # The room of a session's own is nobody else's.
    if any(is_session_id(room) or not identity.may_join(room) for room in command.rooms):
        return rooms, "forbidden"
    after = {**rooms, **{room: at for room in command.rooms if room not in rooms}}
    return (rooms, "too_many_rooms") if len(after) > max_rooms else (after, "joined")
