"""Verdicts that need payloads from S3, or the namespaces that are served."""

import asyncio
import json
from typing import Any

import pytest
from tests.unit.fakes import FakeBus, FakeClock
from tests.unit.poller.fakes import FakePayloads, message

from queuecast_bus import BusUnavailable
from queuecast_poller.judge.message_judge import MessageJudge
from queuecast_poller.judge.payloads import NoPayload
from queuecast_poller.judge.served_namespaces import UNSERVED_SECONDS, ServedNamespaces
from queuecast_poller.judge.verdict import Leave, Publish, Reason
from queuecast_poller.route.rules import Rules
from queuecast_poller.unwrap import Pointer

CLASS = "software.amazon.payloadoffloading.PayloadS3Pointer"


def pointing(key: str, **details: Any) -> Any:
    return message(json.dumps([CLASS, {"s3BucketName": "big", "s3Key": key}]), **details)


def judgement(
    payloads: FakePayloads | None = None, bus: Any = None, rules: Rules | None = None
) -> MessageJudge:
    chosen = rules or Rules(payload_buckets={"big"})
    return MessageJudge(lambda: chosen, ServedNamespaces(bus or FakeBus()), payloads or FakePayloads())


async def test_what_a_message_points_to_is_what_is_published() -> None:
    """In place of the message, with the message's address."""
    payloads = FakePayloads({Pointer("big", "k"): '{"big":1}'})
    batch = [message("1"), pointing("k", attributes={"rooms": "a"}), message("2")]
    verdicts = await judgement(payloads).batch(batch, None).judge()
    records = [verdict.record for verdict in verdicts if isinstance(verdict, Publish)]
    assert [record.arguments for record in records] == [b"[1]", b'[{"big":1}]', b"[2]"]
    assert records[1].rooms == ("a",)


async def test_what_cannot_be_fetched_is_left_and_its_neighbours_go_on() -> None:
    """With a reason of its own, and the location in the log."""
    payloads = FakePayloads({Pointer("big", "gone"): NoPayload("it is gone")})
    bad, good = await judgement(payloads).batch([pointing("gone"), message("1")], None).judge()
    assert isinstance(bad, Leave)
    assert (bad.reason, bad.detail) == (Reason.NO_PAYLOAD, "s3://big/gone: it is gone")
    assert isinstance(good, Publish)


async def test_what_cannot_be_fetched_holds_up_its_group() -> None:
    """Overtaking it would break the group's order."""
    bad, follower = (
        await judgement().batch([pointing("gone", group="a"), message("1", group="a")], None).judge()
    )
    assert isinstance(bad, Leave)
    assert isinstance(follower, Leave)
    assert follower.reason is Reason.GROUP_BLOCKED


async def test_a_payload_that_is_a_pointer_again_is_left() -> None:
    """It is fetched once."""
    again = json.dumps([CLASS, {"s3BucketName": "big", "s3Key": "k"}])
    payloads = FakePayloads({Pointer("big", "k"): again})
    (verdict,) = await judgement(payloads).batch([pointing("k")], None).judge()
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.NO_PAYLOAD
    assert len(payloads.fetched) == 1


async def test_what_a_batch_points_to_is_fetched_at_the_same_time() -> None:
    """Ten payloads that take a second each must not take ten seconds."""
    together = asyncio.Barrier(3)

    class Waiting(FakePayloads):
        async def fetch(self, pointer: Pointer) -> str:
            await together.wait()
            return "1"

    async with asyncio.timeout(5):
        verdicts = (
            await judgement(Waiting()).batch([pointing(str(number)) for number in range(3)], None).judge()
        )
    assert all(isinstance(verdict, Publish) for verdict in verdicts)


async def test_a_payload_is_fetched_once_however_often_its_batch_is_judged() -> None:
    """While Redis is away a batch is judged at each try; S3 is slow, and each request costs money."""
    bus: Any = FakeBus()
    bus.namespaces.away = True
    payloads = FakePayloads({Pointer("big", "k"): '{"big":1}'})
    batch = judgement(payloads, bus).batch([message("1"), pointing("k")], None)
    for _ in range(3):
        with pytest.raises(BusUnavailable):
            await batch.judge()
    bus.namespaces.away = False
    verdicts = await batch.judge()
    records = [verdict.record for verdict in verdicts if isinstance(verdict, Publish)]
    assert [record.arguments for record in records] == [b"[1]", b'[{"big":1}]']
    assert payloads.fetched == [Pointer("big", "k")]


async def test_a_payload_that_could_not_be_fetched_is_tried_again_with_its_batch() -> None:
    """S3 may be back before Redis is, and the other payloads need not be fetched again."""
    bus: Any = FakeBus()
    bus.namespaces.away = True
    gone, there = Pointer("big", "gone"), Pointer("big", "there")
    payloads = FakePayloads({gone: NoPayload("S3 is away"), there: "1"})
    batch = judgement(payloads, bus).batch([pointing("gone"), pointing("there")], None)
    with pytest.raises(BusUnavailable):
        await batch.judge()
    payloads.objects[gone] = "2"
    bus.namespaces.away = False
    verdicts = await batch.judge()
    records = [verdict.record for verdict in verdicts if isinstance(verdict, Publish)]
    assert [record.arguments for record in records] == [b"[2]", b"[1]"]
    assert payloads.fetched == [gone, there, gone]


async def test_nothing_is_fetched_where_bodies_pass_as_they_are() -> None:
    """There a pointer is data."""
    payloads = FakePayloads()
    (verdict,) = await judgement(payloads, rules=Rules(unwraps=False)).batch([pointing("k")], None).judge()
    assert isinstance(verdict, Publish)
    assert payloads.fetched == []


async def test_a_namespace_that_nobody_serves_is_left_until_somebody_does() -> None:
    """The bus knows."""
    bus: Any = FakeBus()
    clock = FakeClock()
    judging = MessageJudge(Rules, ServedNamespaces(bus, clock), FakePayloads())
    one = message(attributes={"namespace": "/shop"})
    (verdict,) = await judging.batch([one], None).judge()
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.BAD_ADDRESS
    bus.namespaces.served.add("/shop")
    clock.pass_by(UNSERVED_SECONDS)
    (verdict,) = await judging.batch([one], None).judge()
    assert isinstance(verdict, Publish)


async def test_a_payload_of_an_unserved_namespace_holds_up_its_group() -> None:
    """The messages behind it are judged again too."""
    batch = [message("1", group="a", attributes={"namespace": "/shop"}), message("2", group="a")]
    first, second = await judgement().batch(batch, None).judge()
    assert isinstance(first, Leave)
    assert isinstance(second, Leave)


async def test_a_bucket_that_the_operator_has_not_named_is_not_read() -> None:
    """A message must not choose what the poller reads. The fault is permanent, so it does not block its
    group until its last receive.
    """
    payloads = FakePayloads({Pointer("big", "k"): "1"})
    rules = Rules(payload_buckets={"other"})
    (verdict,) = await judgement(payloads, rules=rules).batch([pointing("k")], None).judge()
    assert isinstance(verdict, Leave)
    assert (verdict.reason, verdict.permanent) == (Reason.NO_PAYLOAD, True)
    assert verdict.detail == "s3://big/k: the bucket is not one that may be read (QUEUECAST_PAYLOAD_BUCKETS)"
    assert payloads.fetched == []
