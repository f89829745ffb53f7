"""The books of one run: what was sent, compared with what each client received. Pure.

They follow Jepsen's total-queue checker (https://github.com/jepsen-io/jepsen, `checker.clj`), but for each
client separately, as each must get its own copy of everything that is addressed to it:

    lost          acknowledged by SQS or seen by another client, but never delivered to this one
    told          lost while the client was away, and it was told: it came back with `recovered === false`
    silent        lost, and nothing told the client
    duplicated    delivered more than once
    unexpected    never sent, or not addressed to this client
    out of order  after a message that the bus stored later or, on a FIFO queue, that its group sent later
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Self


class Message(NamedTuple):
    """A sent message. Its number is its place among all of them, and so gives the order within its group."""

    sent_ms: int
    group: int
    room: int | None
    """None means everyone."""


class Place(NamedTuple):
    """The place of a message on the bus; `again` are the ranks of its repetitions, if they count."""

    rank: int
    stored_ms: int
    again: tuple[int, ...] = ()

    def after(self, rank: int) -> int:
        """Return the first rank of the message that is not before this one, or its first one."""
        return next((each for each in (self.rank, *self.again) if each >= rank), self.rank)


class Connect(NamedTuple):
    """One connect of a client; `subscribed_ms` is None if it left before it had joined its room."""

    at_ms: int
    recovered: bool
    subscribed_ms: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """What one client received, in order, and when; `strays` counts events that nobody sent."""

    room: int
    numbers: Sequence[int]
    times_ms: Sequence[int]
    connects: Sequence[Connect] = ()
    strays: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the sender knows: each message that it tried to send, and those that SQS acknowledged."""

    messages: Sequence[Message]
    acknowledged: frozenset[int]

    @property
    def unknown(self) -> int:
        """How many messages may or may not have been sent: SQS answered with an error."""
        return len(self.messages) - len(self.acknowledged)

    def addressed(self, room: int) -> set[int]:
        """Return the numbers that a client in this room should receive, if they were sent."""
        return {
            number
            for number, message in enumerate(self.messages)
            if message.room is None or message.room == room
        }


@dataclass(frozen=True, slots=True)
class Account:
    """Counts over all clients; accounts can be added."""

    deliveries: int = 0
    lost: int = 0
    told: int = 0
    duplicated: int = 0
    unexpected: int = 0
    out_of_order: int = 0

    @property
    def silent(self) -> int:
        """How many were lost without the client being told."""
        return self.lost - self.told

    @property
    def flawless(self) -> bool:
        """Whether only deliveries were counted."""
        return self == Account(deliveries=self.deliveries)

    def __add__(self, other: Self) -> Self:
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return type(self)(*(one + two for one, two in pairs))


def close(
    ledger: Ledger,
    places: Mapping[int, Place],
    pages: Sequence[Page],
    *,
    fifo: bool = False,
    replaced: Mapping[int, Place] | None = None,
    forgets: bool = False,
) -> Account:
    """Close the books of all clients. `places` has every message that the bus has stored.

    If another server took over, `places` are its own, and `replaced` are those of the old one. If Redis
    `forgets`, it removed messages before they were read: clients are told later, and not all have a place.
    """
    seen = {number for page in pages for number in page.numbers}
    known = ledger.acknowledged | seen
    addressed = {room: ledger.addressed(room) for room in {page.room for page in pages}}
    total = Account()
    for page in pages:
        mine = addressed[page.room]
        received = Counter(page.numbers)
        lost = (mine & known).difference(received)
        absences = _absences(page, (places, replaced or {}))
        total += Account(
            deliveries=len(page.numbers),
            lost=len(lost),
            told=sum(
                _told_later(number, ledger, absences) if forgets else _told(number, ledger, places, absences)
                for number in lost
            ),
            duplicated=sum(received.values()) - len(received),
            unexpected=len(received.keys() - mine) + page.strays,
            # A Counter keeps its keys in the order in which they first came.
            out_of_order=_late(
                [number for number in received if number in places or not forgets],
                ledger,
                places,
                replaced or {},
                fifo=fifo,
            ),
        )
    return total


def newest(ledger: Ledger, places: Mapping[int, Place]) -> Ledger:
    """Return the books of those messages that are the newest of their group and room on the bus."""
    last = {
        (message.group, message.room): number
        for number in sorted(places, key=lambda each: places[each].rank)
        if number < len(ledger.messages) and (message := ledger.messages[number])
    }
    return Ledger(ledger.messages, frozenset(last.values()))


def longest_silence_ms(page: Page, began_ms: int, ended_ms: int) -> int:
    """Return the longest time without a delivery that began while the load went on."""
    longest, last = 0, began_ms
    for time_ms in page.times_ms:
        if last > ended_ms:
            return longest
        longest, last = max(longest, time_ms - last), time_ms
    return max(longest, ended_ms - last)


def merged(pages: Sequence[Page]) -> Page:
    """Return what all of them received, by time, as if it were one."""
    pairs = (zip(page.times_ms, page.numbers, strict=True) for page in pages)
    both = sorted(each for page in pairs for each in page)
    return Page(-1, [number for _, number in both], [time_ms for time_ms, _ in both])


def reached_ms(page: Page, number: int) -> int | None:
    """Return when the client first received this number or a higher one, or None if never."""
    pairs = zip(page.numbers, page.times_ms, strict=True)
    return next((time_ms for received, time_ms in pairs if received >= number), None)


def only(ledger: Ledger, pages: Sequence[Page], numbers: range) -> tuple[Ledger, list[Page]]:
    """Return the books of some of the messages, without numbers that nobody sent."""
    part = []
    for page in pages:
        kept = [at for at, number in enumerate(page.numbers) if number in numbers]
        times_ms = [page.times_ms[at] for at in kept]
        part.append(Page(page.room, [page.numbers[at] for at in kept], times_ms, page.connects))
    return Ledger(ledger.messages, ledger.acknowledged.intersection(numbers)), part


class _Absence(NamedTuple):
    """A time, by the bus's clock, for which a client was told that it may have missed something."""

    since_ms: int
    back_ms: int
    until_ms: float


def _absences(page: Page, servers: Sequence[Mapping[int, Place]]) -> list[_Absence]:
    """Return the absences; each lasts from the last delivery until the client was in its room again."""
    return [
        _Absence(
            max(_stored(page, servers, connect.at_ms), default=0),
            connect.at_ms,
            float("inf") if connect.subscribed_ms is None else connect.subscribed_ms,
        )
        for connect in page.connects[1:]
        if not connect.recovered
    ]


def _stored(page: Page, servers: Sequence[Mapping[int, Place]], before_ms: int) -> Iterable[int]:
    for number, time_ms in zip(page.numbers, page.times_ms, strict=True):
        for places in servers:
            # What a new server stored again later was delivered from the old one.
            if time_ms < before_ms and number in places and places[number].stored_ms <= time_ms:
                yield places[number].stored_ms


def _told(number: int, ledger: Ledger, places: Mapping[int, Place], absences: Sequence[_Absence]) -> bool:
    place = places.get(number)
    if place is None:  # Redis lost it before anybody had read it
        return any(ledger.messages[number].sent_ms <= absence.back_ms for absence in absences)
    return any(absence.since_ms <= place.stored_ms <= absence.until_ms for absence in absences)


def _told_later(number: int, ledger: Ledger, absences: Sequence[_Absence]) -> bool:
    return any(ledger.messages[number].sent_ms <= absence.until_ms for absence in absences)


def _late(
    numbers: Sequence[int],
    ledger: Ledger,
    places: Mapping[int, Place],
    replaced: Mapping[int, Place],
    *,
    fifo: bool,
) -> int:
    """Count the numbers that came after one that should have followed, or that have no place at all.

    The order is that of the old server, if another one took over, and from the first number that the old one
    did not have that of the new one; or it is that of the new one if the client's gateway read only there.
    """
    count, highest = 0, -1
    newest: dict[int, int] = {}
    if replaced:
        at = next((at for at, number in enumerate(numbers) if number not in replaced), len(numbers))
        old, new = numbers[:at], numbers[at:]
        changed = _late(old, ledger, replaced, {}, fifo=fifo) + _late(new, ledger, places, {}, fifo=fifo)
        return min(changed, _late(numbers, ledger, places, {}, fifo=fifo))
    for number in numbers:
        if not 0 <= number < len(ledger.messages):
            continue  # already counted as unexpected
        rank = places[number].after(highest) if number in places else -1
        group = ledger.messages[number].group
        count += rank < highest or rank == -1 or (fifo and number < newest.get(group, -1))
        highest = max(highest, rank)
        newest[group] = max(newest.get(group, -1), number)
    return count
