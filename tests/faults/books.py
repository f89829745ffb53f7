"""The books of one run: what was sent, against what each client received. Pure.

Closed as Jepsen's total-queue checker does (https://github.com/jepsen-io/jepsen, `checker.clj`), but for each
client by itself, as each is owed its own copy of everything that is addressed to it:

    lost          acknowledged by SQS, or seen by another client, and never delivered to this one
    told          lost, and the client was told: it came back with `recovered === false`, and it was away then
    silent        lost, and nothing told the client
    duplicated    delivered more than once
    unexpected    never sent, or not addressed to this client
    out of order  after one that the bus has stored later; on a FIFO queue also: was sent later in its group
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Self


class Message(NamedTuple):
    """What was sent. Its number is its place among all: the order within a group is the order of numbers."""

    sent_ms: int
    group: int
    room: int | None
    """None is everyone."""


class Place(NamedTuple):
    """Where the bus has stored a message."""

    rank: int
    stored_ms: int


class Connect(NamedTuple):
    """One connect of a client; `subscribed_ms` is None if it was gone again before it was in its room."""

    at_ms: int
    recovered: bool
    subscribed_ms: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """What one client received, in its order, and when; `strays` are events that nobody sent."""

    room: int
    numbers: Sequence[int]
    times_ms: Sequence[int]
    connects: Sequence[Connect] = ()
    strays: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the sender knows: every message that it tried to send, and those of which SQS said Successful."""

    messages: Sequence[Message]
    acknowledged: frozenset[int]

    @property
    def unknown(self) -> int:
        """How many there may be or may not be: the answer was an error."""
        return len(self.messages) - len(self.acknowledged)

    def addressed(self, room: int) -> set[int]:
        """Return the numbers of what a client in this room is to receive, if it was sent."""
        return {
            number
            for number, message in enumerate(self.messages)
            if message.room is None or message.room == room
        }


@dataclass(frozen=True, slots=True)
class Account:
    """Counts over all clients; they add up."""

    deliveries: int = 0
    lost: int = 0
    told: int = 0
    duplicated: int = 0
    unexpected: int = 0
    out_of_order: int = 0

    @property
    def silent(self) -> int:
        """What was lost without a word."""
        return self.lost - self.told

    @property
    def flawless(self) -> bool:
        """Whether nothing but deliveries was counted."""
        return self == Account(deliveries=self.deliveries)

    def __add__(self, other: Self) -> Self:
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return type(self)(*(one + two for one, two in pairs))


def close(
    ledger: Ledger, places: Mapping[int, Place], pages: Sequence[Page], *, fifo: bool = False
) -> Account:
    """Close the books of all clients. `places` has every message that the bus has stored."""
    seen = {number for page in pages for number in page.numbers}
    known = ledger.acknowledged | seen
    addressed = {room: ledger.addressed(room) for room in {page.room for page in pages}}
    total = Account()
    for page in pages:
        mine = addressed[page.room]
        received = Counter(page.numbers)
        lost = (mine & known).difference(received)
        absences = _absences(page, places)
        total += Account(
            deliveries=len(page.numbers),
            lost=len(lost),
            told=sum(_told(number, ledger, places, absences) for number in lost),
            duplicated=sum(received.values()) - len(received),
            unexpected=len(received.keys() - mine) + page.strays,
            # A Counter keeps the order in which its keys came first.
            out_of_order=_late(list(received), ledger, places, fifo=fifo),
        )
    return total


def longest_silence_ms(page: Page, began_ms: int, ended_ms: int) -> int:
    """Return the longest time without a delivery that began between the load's beginning and its end."""
    longest, last = 0, began_ms
    for time_ms in page.times_ms:
        if last > ended_ms:
            return longest
        longest, last = max(longest, time_ms - last), time_ms
    return max(longest, ended_ms - last)


def reached_ms(page: Page, number: int) -> int | None:
    """Return when the client received the first message with this number or a higher one; None if never."""
    pairs = zip(page.numbers, page.times_ms, strict=True)
    return next((time_ms for received, time_ms in pairs if received >= number), None)


def only(ledger: Ledger, pages: Sequence[Page], numbers: range) -> tuple[Ledger, list[Page]]:
    """Return the books of some of the messages. Numbers that nobody sent are in none of these."""
    part = []
    for page in pages:
        kept = [at for at, number in enumerate(page.numbers) if number in numbers]
        times_ms = [page.times_ms[at] for at in kept]
        part.append(Page(page.room, [page.numbers[at] for at in kept], times_ms, page.connects))
    return Ledger(ledger.messages, ledger.acknowledged.intersection(numbers)), part


class _Absence(NamedTuple):
    """A time for which a client was told that it may have missed something, by the bus's clock."""

    since_ms: int
    back_ms: int
    until_ms: float


def _absences(page: Page, places: Mapping[int, Place]) -> list[_Absence]:
    """Each lasts from what was delivered last until the client was in its room again."""
    return [
        _Absence(
            max(_stored(page, places, connect.at_ms), default=0),
            connect.at_ms,
            float("inf") if connect.subscribed_ms is None else connect.subscribed_ms,
        )
        for connect in page.connects[1:]
        if not connect.recovered
    ]


def _stored(page: Page, places: Mapping[int, Place], before_ms: int) -> Iterable[int]:
    for number, time_ms in zip(page.numbers, page.times_ms, strict=True):
        if time_ms < before_ms and number in places:
            yield places[number].stored_ms


def _told(number: int, ledger: Ledger, places: Mapping[int, Place], absences: Sequence[_Absence]) -> bool:
    place = places.get(number)
    if place is None:  # Redis lost it before anybody read it
        return any(ledger.messages[number].sent_ms <= absence.back_ms for absence in absences)
    return any(absence.since_ms <= place.stored_ms <= absence.until_ms for absence in absences)


def _late(numbers: Sequence[int], ledger: Ledger, places: Mapping[int, Place], *, fifo: bool) -> int:
    """Count what came after something that should have followed it, and what has no place at all."""
    count, highest = 0, -1
    newest: dict[int, int] = {}
    for number in numbers:
        if not 0 <= number < len(ledger.messages):
            continue  # unexpected, and counted there
        rank = places[number].rank if number in places else -1
        group = ledger.messages[number].group
        count += rank < highest or rank == -1 or (fifo and number < newest.get(group, -1))
        highest = max(highest, rank)
        newest[group] = max(newest.get(group, -1), number)
    return count
