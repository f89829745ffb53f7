"""What emitters in other processes publish on Redis's channels, as values: events and requests. Pure.

`node_message` and `python_message` read them.
"""

from dataclasses import dataclass
from typing import Any

from queuecast_bus.command import Verb
from queuecast_bus.errors import BadRecord


@dataclass(frozen=True, slots=True)
class Emission:
    """An event for the sessions in any of `rooms` (all, if it names none), except some.

    `data` is as in `socketio.AsyncServer.emit`: a tuple is several arguments, None is no argument.
    """

    event: str
    data: Any
    namespace: str
    rooms: tuple[str, ...] = ()
    except_rooms: tuple[str, ...] = ()
    skip_sids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A disconnect, or a join or leave of the rooms `targets`, for the sessions that `Emission` would reach.

    `whole`: the sessions of the same connections in other namespaces end too.
    """

    verb: Verb
    namespace: str
    rooms: tuple[str, ...] = ()
    except_rooms: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    whole: bool = False


class Unsupported(Exception):
    """A message of a known kind that a gateway has no use for; the text says which."""


def names(value: Any) -> tuple[str, ...]:
    """Return a list of rooms as text. Raises `BadRecord`.

    In Node and Python 7 and "7" are two rooms; browsers here join rooms by their text alone.
    """
    if not isinstance(value, list) or not all(type(name) in (str, int) for name in value):
        raise BadRecord("the rooms are not a list of names")
    return tuple(map(str, value))
