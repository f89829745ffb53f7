"""An attack of the fault tests, without one: who attacks, whether it was refused, how late things came."""

from collections import Counter
from dataclasses import replace

import pytest
from tests.faults.attack import ADDRESSES, KINDS, TRIES, Result, attackers, results, unrefused
from tests.faults.attack_report import BEGIN, END, renewed
from tests.faults.attack_run import (
    MOST_KIB,
    MOST_LINES_PER_SECOND,
    MOST_REDIS_KIB,
    AttackOutcome,
    AttackRun,
    Phase,
    excesses,
    times_later,
)
from tests.faults.attackers import ABUSES, CUT, GOT_THROUGH, LEFT
from tests.faults.books import Account, Ledger, Message, Page, only
from tests.faults.gauge import Reading, Taken, taken
from tests.faults.lateness import latencies_ms, quantile
from tests.faults.residue import Footprint
from tests.faults.wire import CLOSE, CONTINUATION, TEXT, Heard, frame

from queuecast_gateway.engine.frames import Decoder, Frame, encode, encode_close

SECRET = "a secret of more than thirty-two bytes"
SIGNS = {kind.name: kind.sign for kind in KINDS}
QUIET = Taken(0.1, 0.0, 1024, 1.0)


def refused(kind_name: str, *, tries: int = 3, heard: int = 3, noted: int = 9) -> list[Result]:
    """Return the results of a refused attack, in which one kind has these numbers."""
    good = [Result(kind, 3, 3, {}, 9) for kind in KINDS]
    return [
        replace(result, tries=tries, heard=heard, noted=noted) if result.kind.name == kind_name else result
        for result in good
    ]


def phases(before_ms: int, during_ms: int, during: Taken = QUIET) -> list[Phase]:
    account = Account(deliveries=1000)
    return [
        Phase("before", account, 5, before_ms, 100, QUIET),
        Phase("during", account, 5, during_ms, 100, during),
        Phase("after", account, 5, before_ms, 100, QUIET),
    ]


# Who attacks


def test_there_is_a_row_for_every_kind_of_abuse() -> None:
    """One without a row would attack, and nobody would ask what became of it."""
    assert sorted(kind.name for kind in KINDS) == sorted(ABUSES)


def test_every_kind_attacks_every_gateway_from_addresses_of_its_own() -> None:
    """What is cut off for its address must not hide whether it would have been for what it does."""
    troop = list(attackers(1_000, [1, 2], SECRET))
    assert len(troop) == 1_000
    for kind in KINDS:
        mine = [one for one in troop if one.kind == kind.name]
        others = {one.address for one in troop if one.kind != kind.name}
        assert len(mine) >= 1_000 // len(KINDS)
        assert {one.port for one in mine} == {1, 2}
        assert len({one.address for one in mine}) == ADDRESSES
        assert not others.intersection(one.address for one in mine)
    assert "127.0.0.1" not in {one.address for one in troop}, "it is where the honest are"


def test_the_same_attack_is_drawn_up_in_every_run() -> None:
    """Else two runs could not be compared."""
    one, two = ([each[:3] for each in attackers(100, [1, 2], SECRET)] for _ in range(2))
    assert one == two


# What they hear


@pytest.mark.parametrize("split", [1, 7, 10_000])
def test_what_a_server_says_is_understood_however_it_is_split(split: int) -> None:
    """An attacker that did not hear that it was refused would say that nobody refused it."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    said = (
        answer + upgrade + encode(TEXT, b"x" * 300) + encode(TEXT, b"y" * 70_000) + encode_close(4029, "no")
    )
    heard = Heard()
    for at in range(0, len(said), split):
        heard.feed(said[at : at + split])
    assert heard.words == [b"body", b"x" * 300, b"y" * 70_000]
    assert heard.verdict == "4029"


def test_an_http_refusal_is_heard_and_an_answer_is_none() -> None:
    """Of both kinds of refusal the attackers keep count."""
    heard = Heard()
    heard.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert heard.verdict is None
    heard.feed(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
    assert heard.verdict == "HTTP 429"


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_the_attackers_frames_are_right_where_they_mean_them_to_be(length: int) -> None:
    """A flood of valid events that are none would be refused for that, and prove nothing about floods."""
    parts = frame(TEXT, "x" * length, final=False) + frame(CONTINUATION, "y") + frame(CLOSE)
    said = list(Decoder(100_000).feed(parts))
    assert said == [Frame(TEXT, "x" * length + "y"), Frame(CLOSE, b"")]


# Whether it was refused


def test_an_attack_that_was_refused_for_what_it_is_is_no_trouble() -> None:
    """The control: what follows finds something because it is there."""
    assert unrefused(refused("")) == []


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if kind.heard not in (CUT, LEFT)])
def test_a_kind_that_nobody_refuses_is_a_trouble(kind: str) -> None:
    """An attack without an effect proves nothing: it may never have arrived."""
    (trouble,) = unrefused(refused(kind, tries=0, heard=0))
    assert kind in trouble


def test_an_attacker_that_got_what_it_wanted_is_a_trouble() -> None:
    """However often others of its kind were refused."""
    first, *others = refused("")
    (trouble,) = unrefused([replace(first, others={GOT_THROUGH: 1}), *others])
    assert trouble == f"{first.kind.name}: 1 of 3 tries got through"


def test_a_refusal_that_was_lost_with_the_connection_is_one_if_the_gateways_counted_it() -> None:
    """Whoever floods may not hear why the connection has ended."""
    cut = [
        replace(result, heard=0, others={CUT: 3})
        for result in refused("")
        if result.kind.name == "ping flood"
    ]
    others = [result for result in refused("") if result.kind.name != "ping flood"]
    assert unrefused([*others, *cut]) == []
    (trouble,) = unrefused([*others, replace(cut[0], others={CUT: 100})])
    assert "told so" in trouble


@pytest.mark.parametrize("kind", ["ping flood", "endless request heads", "boards of strangers"])
def test_a_refusal_that_nobody_counts_is_a_trouble(kind: str) -> None:
    """Attackers that were told so more often than the gateways say were refused for something else."""
    missing = [
        replace(result, noted=2) if result.kind.sign == SIGNS[kind] else result for result in refused("")
    ]
    (trouble,) = unrefused(missing)
    assert "counted 2 times" in trouble


@pytest.mark.parametrize("kind", SIGNS)
def test_a_metric_that_does_not_move_is_a_trouble(kind: str) -> None:
    """Whatever its attackers hear, the gateways must have seen them."""
    still = [
        replace(result, noted=0) if result.kind.sign == SIGNS[kind] else result for result in refused("")
    ]
    assert any(kind in trouble and "did not move" in trouble for trouble in unrefused(still))


def test_attackers_that_hear_one_code_for_several_reasons_are_counted_together() -> None:
    """A starved one may be refused because it did not join in time, and not for its fragments."""
    fewer = [
        replace(result, noted=2) if result.kind.name == "endless fragments" else result
        for result in refused("")
    ]
    assert unrefused(fewer) == []


def test_what_attackers_tell_and_gateways_count_is_put_together() -> None:
    """Also of a kind that has nothing to tell."""
    noted = {str(sign): 5 for sign in (TRIES, *(kind.sign for kind in KINDS))}
    first, second, *_ = results({KINDS[0].name: {"tries": 4, "heard": {KINDS[0].heard: 3, "cut": 1}}}, noted)
    assert first == Result(KINDS[0], 4, 3, {"cut": 1}, 5)
    assert second == Result(KINDS[1], 0, 0, {}, 5)


def test_who_leaves_by_itself_is_not_told_why() -> None:
    """A session that begins anew may have come too often, or may not have been known yet."""
    fewer = [replace(result, noted=1) if result.kind.heard == LEFT else result for result in refused("")]
    assert unrefused(fewer) == []


# What the honest saw


def test_what_came_late_is_counted_over_all_clients() -> None:
    """By the time at which each message was sent, not by its neighbours."""
    ledger = Ledger([Message(100, 0, None), Message(200, 0, None)], frozenset({0, 1}))
    pages = [Page(0, [0, 1], [110, 230]), Page(1, [1], [210])]
    assert latencies_ms(ledger, pages) == {10: 2, 30: 1}


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1, 100)])
def test_a_quantile_is_a_value_that_so_many_are_not_above(share: float, value: int) -> None:
    """Of one to a hundred everybody knows them."""
    assert quantile(Counter(range(1, 101)), share) == value


def test_there_is_no_quantile_of_nothing() -> None:
    """A run in which nothing came has no p99 of 0."""
    with pytest.raises(ValueError, match="nothing"):
        quantile(Counter(), 0.99)


def test_the_books_of_a_phase_have_its_messages_alone() -> None:
    """What was sent before an attack is not part of what it cost."""
    ledger = Ledger([Message(at, 0, None) for at in range(4)], frozenset(range(4)))
    part, (page,) = only(ledger, [Page(0, [3, 0, 2, 1, 77], [13, 10, 12, 11, 20])], range(1, 3))
    assert part.acknowledged == {1, 2}
    assert (list(page.numbers), list(page.times_ms)) == ([2, 1], [12, 11])


@pytest.mark.parametrize(
    ("before_ms", "during_ms", "times"),
    [(30, 60, 2.0), (30, 61, 61 / 30), (3, 24, 1.0), (3, 50, 2.0), (3, 75, 3.0), (60, 30, 0.5)],
)
def test_latencies_below_the_floor_are_taken_as_the_floor(
    before_ms: int, during_ms: int, times: float
) -> None:
    """3 ms that become 20 are no harm to anybody; 3 that become 75 are."""
    assert times_later(before_ms, during_ms) == times


def test_a_p99_that_more_than_doubles_is_a_trouble_where_it_is_judged() -> None:
    """That is the criterion; on a machine that others use as well it says nothing."""
    (trouble,) = excesses(AttackRun(), phases(30, 61))
    assert "p99" in trouble
    assert excesses(AttackRun(), phases(30, 60)) == []
    assert excesses(AttackRun(judges_latency=False), phases(30, 600)) == []


@pytest.mark.parametrize(
    ("during", "says"),
    [
        (replace(QUIET, lines_per_second=MOST_LINES_PER_SECOND + 1), "lines of log"),
        (replace(QUIET, peak_kib=MOST_KIB + 1), "grew by"),
    ],
)
def test_a_gateway_that_an_attack_makes_talk_or_grow_is_a_trouble(during: Taken, says: str) -> None:
    """Whoever can fill its log or its memory need not slow it down."""
    (trouble,) = excesses(AttackRun(), phases(30, 30, during))
    assert says in trouble


def test_a_redis_that_an_attack_makes_grow_is_a_trouble() -> None:
    """It is full for everybody."""
    assert excesses(AttackRun(), phases(30, 30), MOST_REDIS_KIB) == []
    (trouble,) = excesses(AttackRun(), phases(30, 30), MOST_REDIS_KIB + 1)
    assert "Redis grew" in trouble


def test_of_several_gateways_the_worse_figure_counts() -> None:
    """One that is well would hide one that is not."""
    before = [Reading(0, 1, 1, 100, 100, 0), Reading(0, 1, 1, 200, 200, 0)]
    after = [Reading(2, 2, 1, 100, 150, 8), Reading(2, 1, 2, 200, 210, 0)]
    assert taken(before, after) == Taken(0.5, 0.5, 50, 4.0)


def test_the_page_gets_the_tables_of_every_run_and_keeps_all_else() -> None:
    """A run that was left out could be the one that was bad."""
    one, two = (
        AttackOutcome(AttackRun(), phases(20, during_ms), refused(""), 7, 0.5, Footprint(0, 0), 0, ())
        for during_ms in (30, 777)
    )
    page = renewed(f"before\n{BEGIN}\nold\n{END}\nafter\n", [one, two])
    assert page.startswith(f"before\n{BEGIN}\n")
    assert page.endswith(f"\n{END}\nafter\n")
    assert "old" not in page
    assert page.count("| 777 ms |") == 1
    assert all(f"| {kind.name} | 3 | {kind.heard} × 3 | 9 |" in page for kind in KINDS)
    assert renewed(page, [one, two]) == page
