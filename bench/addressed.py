"""The books of events for rooms: each must come once to each member of its room, and to nobody else. Pure."""

from dataclasses import dataclass, field

from bench.events import FIRST

MISTAKES = 10
"""How many mistakes are kept for the report."""

STRIDE = 7_919
"""A prime: consecutive events are for rooms far from each other."""


@dataclass(slots=True)
class Page:
    """What one client is to hear and has heard."""

    rooms: frozenset[int]
    seen: set[int] = field(default_factory=set)
    last: int = 0


class Addressed:
    """What came to whom, of events for `rooms` rooms. The rooms are numbered, and so are the events."""

    def __init__(self, rooms: int, *, ordered: bool) -> None:
        self.rooms = rooms
        self.pages: list[Page] = []
        self.heard = 0
        self.mistakes: list[str] = []
        self._ordered = ordered

    def join(self, rooms: frozenset[int]) -> Page:
        """Return the page of a client that is in these rooms."""
        page = Page(rooms)
        self.pages.append(page)
        return page

    def room_of(self, number: int) -> int:
        """Return the number of an event's room."""
        return (number - FIRST) * STRIDE % self.rooms

    def expected(self, first: int, count: int) -> int:
        """Return how many deliveries some events need."""
        members = [0] * self.rooms
        for page in self.pages:
            for room in page.rooms:
                members[room] += 1
        return sum(members[self.room_of(number)] for number in range(first, first + count))

    def take(self, page: Page, number: int) -> None:
        """Note that a client received an event."""
        if self.room_of(number) not in page.rooms:
            self._note(f"event {number} came to a client that is not in its room")
        if number in page.seen:
            self._note(f"event {number} came twice to a client")
        elif self._ordered and number < page.last:
            self._note(f"event {number} came to a client after event {page.last}")
        page.seen.add(number)
        page.last = number
        self.heard += 1

    def _note(self, mistake: str) -> None:
        if len(self.mistakes) < MISTAKES:
            self.mistakes.append(mistake)
