"""When a left message comes again: exactly, for each fault, receive and kind of queue."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.poller.fakes import message

from queuecast_poller.intake.retry import BACKOFF_CAP_SECONDS, is_dead_letter, visibility_changes
from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Leave, Reason
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.message import Message

VISIBILITY = 12


def left(*batch: Message, policy: int | None) -> list[Leave]:
    verdicts = decide(batch, Rules(max_body_bytes=100), max_receive_count=policy)
    return [verdict for verdict in verdicts if isinstance(verdict, Leave)]


def changes(*batch: Message, policy: int | None = None, visibility: int = VISIBILITY) -> dict[int, list[str]]:
    """Return after how many seconds the messages come again, if not after their visibility timeout."""
    return visibility_changes(
        left(*batch, policy=policy), visibility_seconds=visibility, max_receive_count=policy
    )


def bad(**details: Any) -> Message:
    return message("no json", **details)


ALTERED = {"body_md5": "0" * 32}

PERMANENT = [bad(), message("1" * 101), message(attributes={"rooms": ""}), message(unreadable=("rooms",))]
"""Each fault that judging the message again finds again."""


@pytest.mark.parametrize("one", PERMANENT, ids=lambda one: str(left(one, policy=None)[0].reason))
def test_a_fault_that_can_never_heal_is_handed_back_at_once_for_its_redrive_policy(one: Message) -> None:
    """Further receives bring nothing new. The sooner the last is over, the sooner its group goes on."""
    assert changes(one, policy=3) == {0: [one.receipt_handle]}


@pytest.mark.parametrize("one", PERMANENT, ids=lambda one: str(left(one, policy=None)[0].reason))
def test_without_a_policy_the_first_receive_waits_for_the_visibility_timeout(one: Message) -> None:
    """Returned at once it would come again at once, for ever."""
    assert changes(one) == {}


@pytest.mark.parametrize(
    ("receives", "seconds"), [(2, 24), (3, 48), (4, 96), (7, 768), (8, BACKOFF_CAP_SECONDS), (9_999, 900)]
)
def test_without_a_policy_a_permanent_fault_is_hidden_with_exponential_back_off(
    receives: int, seconds: int
) -> None:
    """It comes until it expires, days later, and must take ever fewer receives from others."""
    one = bad(receives=receives)
    assert changes(one) == {seconds: [one.receipt_handle]}


def test_back_off_never_shows_a_message_sooner_than_its_queue_would() -> None:
    """An owner who hides messages for an hour has a reason."""
    assert changes(bad(receives=5), visibility=3_600) == {}


def test_back_off_works_where_nothing_is_hidden() -> None:
    """A visibility timeout of 0 is allowed: doubled it would stay 0 for ever."""
    one = bad(receives=3)
    assert changes(one, visibility=0) == {4: [one.receipt_handle]}


def test_a_message_that_its_policy_does_not_take_is_hidden_with_back_off() -> None:
    """It came more often than the policy allows, for instance because the dead-letter queue is gone. Returned
    at once, it would come for ever.
    """
    one = bad(receives=4)
    assert changes(one, policy=3) == {96: [one.receipt_handle]}


def test_a_fault_that_may_heal_waits_for_its_visibility_timeout() -> None:
    """What was altered on the way may arrive intact the next time; that is what its receives are for."""
    for policy in (None, 3):
        assert changes(message(**ALTERED), message(attributes_altered=True), policy=policy) == {}


def test_a_canary_waits_while_no_key_tells_it_from_a_forged_one() -> None:
    """The key is in Redis, which may be away. A canary that the key proves forged stays forged."""
    one = message(attributes={"queuecast": "canary"})
    assert changes(one, policy=3) == {}
    (verdict,) = decide([one], Rules(max_body_bytes=100), canary_key=b"key")
    assert isinstance(verdict, Leave)
    assert verdict.permanent


def test_after_the_last_receive_any_fault_is_handed_back() -> None:
    """It will not be delivered again, and its group is blocked until it is visible."""
    one = message(**ALTERED, receives=3)
    assert changes(one, policy=3) == {0: [one.receipt_handle]}


def test_what_follows_a_bad_message_in_its_group_goes_back_with_it() -> None:
    """SQS delivers none of a group while one of it is in flight: they would block it."""
    batch = [bad(group="a"), message("1", group="a"), bad(group="a"), message("2", group="b")]
    assert changes(*batch, policy=3) == {0: [each.receipt_handle for each in batch[:3]]}


def test_what_follows_an_altered_message_waits_with_it() -> None:
    """Returned at once they would only use up receives, as the one before them is hidden."""
    assert changes(message(**ALTERED, group="a"), bad(group="a"), policy=3) == {}


def test_without_a_policy_followers_wait_for_the_first_of_their_group() -> None:
    """They are left as they are: while the first is hidden, SQS holds them back."""
    head = bad(group="a", receives=2)
    assert changes(head, message("1", group="a", receives=2)) == {24: [head.receipt_handle]}


@given(st.integers(1, 50), st.one_of(st.none(), st.integers(1, 20)), st.integers(0, 43_200))
def test_no_message_is_handed_back_for_ever(receives: int, policy: int | None, visibility: int) -> None:
    """Only a message that a policy will surely move is returned at once. Others are hidden, within SQS's
    limits.
    """
    for seconds in changes(bad(receives=receives), policy=policy, visibility=visibility):
        if seconds == 0:
            assert policy is not None
            assert receives <= policy
        else:
            assert visibility < seconds <= BACKOFF_CAP_SECONDS


@pytest.mark.parametrize(("receives", "policy", "dead"), [(2, 3, False), (3, 3, True), (4, 3, False)])
def test_a_dead_letter_is_counted_once(receives: int, policy: int, dead: bool) -> None:
    """At its last receive, of which there is one."""
    assert is_dead_letter(Leave(bad(receives=receives), Reason.NOT_JSON, ""), policy) is dead


def test_without_a_policy_nothing_is_a_dead_letter() -> None:
    """There is no dead-letter queue to look for it in."""
    assert not is_dead_letter(Leave(bad(), Reason.NOT_JSON, ""), None)
