"""Hundreds of stock JavaScript clients in one Node process (`crowd.mjs`)."""

import queue
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from tests.claims import eventually
from tests.e2e.script import Script
from tests.faults.books import Connect, Page

ROOMS = 4
ANSWER_SECONDS = 30.0
QUICK_RETURN = {"reconnectionDelay": 200, "reconnectionDelayMax": 1000}
"""The stock back-off, shortened, or it would be the longest part of every silence."""


class Status(NamedTuple):
    """How many clients are connected and in their room, and how much all have received so far."""

    joined: int
    deliveries: int


class Counts(NamedTuple):
    """What clients were told about who is in their hall: how many were last told the right count, how many
    were told any, and the lowest count that any was told.
    """

    right: int
    told: int
    lowest: float


class Crowd(Script):
    """Clients of these URLs in turn; the path is the namespace. They leave when the context ends.

    `tokens` has one token for each client, or is empty. With `past` they subscribe with past events, with
    `presence` they come to a hall and leave it, again and again; with `comes` they are not in their rooms at
    first, come late, and half of them leave again and again.
    """

    def __init__(
        self,
        urls: Sequence[str],
        clients: int,
        rooms: int = ROOMS,
        tokens: Sequence[str] = (),
        *,
        past: bool | Literal["latest"] = False,
        presence: bool = False,
        comes: bool = False,
    ) -> None:
        self.clients = clients
        told = {
            "urls": urls,
            "tokens": tokens,
            "clients": clients,
            "rooms": rooms,
            "past": past,
            "presence": presence,
            "comes": comes,
            "options": {"transports": ["websocket"], **QUICK_RETURN},
        }
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        super().__init__("crowd.mjs", told, self._answers.put)

    def assemble(self, seconds: float) -> None:
        """Wait until every client is connected and in its room."""
        eventually(lambda: self.status().joined == self.clients, seconds)

    def status(self) -> Status:
        self.tell("status")
        return Status(**self._answers.get(timeout=ANSWER_SECONDS))

    def gather(self) -> None:
        """Have all clients come to their hall or room, and stay."""
        self.tell("gather")
        self._answers.get(timeout=ANSWER_SECONDS)

    def counts(self) -> Counts:
        """Return what clients were told about who is in their hall."""
        self.tell("counts")
        return Counts(**self._answers.get(timeout=ANSWER_SECONDS))

    def pages(self) -> list[Page]:
        """Return what each client has received so far."""
        self.tell("pages")
        return [_page(self._answers.get(timeout=ANSWER_SECONDS)) for _ in range(self.clients)]


def _page(told: dict[str, Any]) -> Page:
    connects = [Connect(one["at"], one["recovered"], one["subscribed"]) for one in told["connects"]]
    return Page(told["room"], told["numbers"], told["times"], connects, told["strays"])
