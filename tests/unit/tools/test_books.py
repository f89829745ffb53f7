"""The books of the fault tests: each kind of wrong is found, and none where there is none."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faults.books import (
    Account,
    Connect,
    Ledger,
    Message,
    Page,
    Place,
    close,
    longest_silence_ms,
    merged,
    newest,
    reached_ms,
)

ROOMS = 2
JOINED = Connect(0, recovered=False, subscribed_ms=0)


def ledger(count: int, *, unknown: Sequence[int] = ()) -> Ledger:
    """Return messages of three groups, every second one to everyone; number n is sent at 10·n ms."""
    rooms = (None, 0, None, 1)
    messages = [Message(10 * number, number % 3, rooms[number % 4]) for number in range(count)]
    return Ledger(messages, frozenset(range(count)).difference(unknown))


def stored(numbers: Sequence[int]) -> dict[int, Place]:
    """Return the places of messages that were stored in this order, 1 ms apart and 5 ms after sending."""
    return {number: Place(rank, 10 * rank + 5) for rank, number in enumerate(numbers)}


def received(room: int, numbers: Sequence[int], *connects: Connect) -> Page:
    """Return the page of a client that received these, each when it was stored in order of numbers."""
    return Page(room, numbers, [10 * number + 6 for number in numbers], (JOINED, *connects))


def faithful(sent: Ledger, order: Sequence[int]) -> list[Page]:
    """Return the pages of clients that received what is theirs, in this order."""
    return [
        received(room, [number for number in order if number in sent.addressed(room)])
        for room in range(ROOMS)
    ]


orders = st.integers(0, 40).flatmap(lambda count: st.permutations(range(count)))


@given(orders)
def test_a_run_without_fault_has_no_entry(order: list[int]) -> None:
    """A standard queue may hand out in any order; the bus's order is everyone's order then."""
    sent = ledger(len(order))
    pages = faithful(sent, order)
    account = close(sent, stored(order), pages)
    assert account.flawless
    assert account.deliveries == sum(len(page.numbers) for page in pages)


@given(orders.filter(lambda order: len(order) > 1), st.data())
def test_everything_that_is_taken_away_is_lost_and_silent(order: list[int], data: st.DataObject) -> None:
    """The one count that decides."""
    sent = ledger(len(order))
    one, other = faithful(sent, order)
    kept = [number for number in one.numbers if data.draw(st.booleans())]
    account = close(sent, stored(order), [received(one.room, kept), other])
    assert account.lost == account.silent == len(one.numbers) - len(kept)
    assert (account.duplicated, account.unexpected, account.out_of_order) == (0, 0, 0)


@given(orders.filter(lambda order: len(order) > 1), st.data())
def test_everything_that_is_delivered_again_is_duplicated_and_nothing_else(
    order: list[int], data: st.DataObject
) -> None:
    """A late copy is no disorder: the first one counts for that."""
    sent = ledger(len(order))
    one, other = faithful(sent, order)
    again = data.draw(st.lists(st.sampled_from(one.numbers), max_size=5)) if one.numbers else []
    account = close(sent, stored(order), [received(one.room, [*one.numbers, *again]), other])
    assert account == Account(account.deliveries, duplicated=len(again))


@given(orders)
def test_on_a_fifo_queue_a_group_in_the_wrong_order_is_found_though_all_agree(order: list[int]) -> None:
    """The bus must have stored the group as it was sent; that all clients agree is not enough."""
    sent = ledger(len(order))
    late = close(sent, stored(order), faithful(sent, order), fifo=True).out_of_order
    mine = [[number for number in order if number in sent.addressed(room)] for room in range(ROOMS)]
    groups = [[number for number in numbers if number % 3 == group] for numbers in mine for group in range(3)]
    assert (late == 0) == all(group == sorted(group) for group in groups)


def test_two_that_changed_places_are_one_out_of_order() -> None:
    """Counted is the one that came too late."""
    sent = ledger(8)
    account = close(sent, stored(range(8)), [received(0, [0, 2, 1, 4, 5, 6])])
    assert account == Account(6, out_of_order=1)


def test_what_was_stored_again_may_come_at_its_second_place() -> None:
    """A client that was away at the first one got it there, and in order; before its first one nobody did."""
    sent, places = ledger(9), stored(range(9))
    places[0] = places[0]._replace(again=(6,))
    assert close(sent, places, [received(0, [2, 4, 5, 6, 0, 8])]).out_of_order == 0
    assert close(sent, places, [received(0, [2, 4, 5, 6, 8, 0])]).out_of_order == 1
    assert close(sent, stored(range(9)), [received(0, [2, 4, 5, 6, 0, 8])]).out_of_order == 1


def test_what_the_bus_has_never_stored_has_no_order() -> None:
    """Else an event on a way of its own could pass for one in order."""
    assert close(ledger(2), stored([0]), [received(0, [0, 1])]).out_of_order == 1


@pytest.mark.parametrize(("room", "number"), [(0, 3), (0, 8), (0, -1), (1, 5)])
def test_what_was_never_sent_or_is_for_others_is_unexpected(room: int, number: int) -> None:
    """A room is a promise of privacy too."""
    sent = ledger(8)
    mine = sorted(sent.addressed(room))
    account = close(sent, stored(range(8)), [received(room, [*mine, number])])
    assert account.unexpected == 1


def test_an_event_that_nobody_sent_is_unexpected() -> None:
    """The clients keep numbers only; what has none is counted by itself."""
    page = replace(received(0, [0]), strays=2)
    assert close(ledger(1), stored([0]), [page]).unexpected == 2


def test_an_unknown_message_is_owed_to_all_or_to_nobody() -> None:
    """SQS did not say whether it has it; whoever shows that it has, shows it for everyone."""
    sent = ledger(3, unknown=[2])
    assert sent.unknown == 1
    without = [received(0, [0, 1]), received(1, [0])]
    assert close(sent, stored([0, 1]), without).flawless
    account = close(sent, stored(range(3)), [received(0, [0, 1, 2]), received(1, [0])])
    assert account.lost == account.silent == 1


BACK = 100
"""When the client came back; what was stored before is numbers 0 to 9."""


@pytest.mark.parametrize(
    ("recovered", "missing", "told"),
    [
        (False, [6, 7, 8, 9], 4),  # it was away, and knows
        (True, [6, 7, 8, 9], 0),  # it was told that it has everything
        (False, [1], 0),  # lost while it was there
        (False, [5, 6, 8, 9], 2),  # so are 5 and 6: 7 was delivered after them
        (False, [8, 9, 13], 3),  # its room was not joined again when 13 was stored
        (False, [16], 0),  # after it was in its room again
    ],
)
def test_only_what_a_client_missed_while_away_counts_as_told(
    recovered: bool, missing: list[int], told: int
) -> None:
    """`recovered === false` must not excuse what got lost before or after."""
    sent = Ledger([Message(10 * number, 0, None) for number in range(20)], frozenset(range(20)))
    kept = [number for number in range(20) if number not in missing]
    account = close(sent, stored(range(20)), [received(0, kept, Connect(BACK, recovered, 140))])
    assert (account.lost, account.told) == (len(missing), told)


def test_what_redis_has_lost_is_told_to_those_that_came_back_later() -> None:
    """It has no place on the bus any more; only when it was sent is known."""
    sent = ledger(1)
    assert close(sent, {}, [received(0, [], Connect(BACK, recovered=False, subscribed_ms=BACK))]).told == 1
    assert close(sent, {}, [received(0, [], Connect(BACK, recovered=True, subscribed_ms=BACK))]).silent == 1
    assert close(sent, {}, [received(0, [])]).silent == 1


def test_where_the_latest_counts_each_client_owes_the_newest_of_its_keys() -> None:
    """In the order of the bus: a page that shows an older one, or none, has lost the newest."""
    sent = Ledger([Message(10 * number, number % 2, 0) for number in range(6)], frozenset(range(6)))
    places = stored([0, 1, 2, 5, 4, 3])
    owed = newest(sent, places)
    assert owed.acknowledged == {3, 4}
    assert close(owed, places, [received(0, [4, 3])]).flawless
    assert close(owed, places, [received(0, [4])]).lost == 1
    assert close(owed, places, [received(0, [4, 5])]).lost == 1


def test_another_server_has_another_order() -> None:
    """Both stored 2 and 3, the new one in another order; what only the old one had comes before the rest."""
    sent = ledger(8)
    old, new = stored([0, 1, 4, 2, 3]), stored([0, 1, 6, 3, 2, 5])
    account = close(sent, new, [received(0, [0, 1, 4, 2, 6, 5])], replaced=old)
    assert (account.out_of_order, account.lost) == (0, 0)
    assert close(sent, new, [received(0, [0, 1, 4, 6, 5, 2])], replaced=old).out_of_order == 1
    assert close(sent, new, [received(0, [0, 1, 2, 4, 6, 5])], replaced=old).out_of_order == 1


def test_what_only_a_replaced_server_had_is_told_to_those_that_came_back_later() -> None:
    """No gateway could read it any more."""
    sent = ledger(1)
    for recovered in (False, True):
        page = received(0, [], Connect(BACK, recovered, BACK))
        account = close(sent, {}, [page], replaced=stored([0]))
        assert (account.lost, account.silent) == (1, recovered)


def test_what_redis_removed_is_told_later_and_may_have_no_place() -> None:
    """Newer messages may come before the client is told, and the journal may have missed the same ones."""
    sent = Ledger([Message(10 * number, 0, None) for number in range(20)], frozenset(range(20)))
    for recovered in (False, True):
        page = received(0, [0, 1, 5, 6, *range(15, 20)], Connect(BACK, recovered, BACK + 40))
        account = close(sent, stored([0, 1, 6, 15, 16, 17, 18, 19]), [page], forgets=True)
        assert account == Account(9, lost=11, told=0 if recovered else 11)


@pytest.mark.parametrize(
    ("times", "longest"),
    [([], 100), ([10, 20, 90], 70), ([60], 60), ([10], 90), ([10, 95, 300], 205), ([10, 110, 500], 100)],
)
def test_the_longest_silence_begins_under_load(times: list[int], longest: int) -> None:
    """The silence after the load's end says nothing, but one that reaches beyond it is a backlog."""
    page = Page(0, list(range(len(times))), times)
    assert longest_silence_ms(page, 0, 100) == longest


def test_the_silence_of_all_clients_is_when_none_of_them_receives_anything() -> None:
    """Where most are away for most of the time, that of each says nothing."""
    pages = [received(0, [0, 8]), received(1, [3, 5])]
    together = merged(pages)
    assert list(together.numbers) == [0, 3, 5, 8]
    assert longest_silence_ms(together, 0, 90) == 30
    assert max(longest_silence_ms(page, 0, 90) for page in pages) == 80


def test_a_client_is_reached_by_the_first_that_was_sent_later() -> None:
    """Time to recover is the slowest client's."""
    page = Page(0, [1, 5, 4, 7], [10, 20, 30, 40])
    assert [reached_ms(page, number) for number in (0, 2, 6, 8)] == [10, 20, 40, None]
