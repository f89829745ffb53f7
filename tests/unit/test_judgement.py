"""Verdicts with what is fetched and asked for them."""

import asyncio
import json
from typing import Any

from tests.unit.fakes import FakeBus, FakeClock, FakePayloads, message

from queuecast_poller.judgement import Judgement
from queuecast_poller.payloads import NoPayload
from queuecast_poller.rules import Rules
from queuecast_poller.served import ABSENT_SECONDS, Served
from queuecast_poller.unwrap import Pointer
from queuecast_poller.verdict import Leave, Publish, Reason

CLASS = "software.amazon.payloadoffloading.PayloadS3Pointer"


def pointing(key: str, **details: Any) -> Any:
    return message(json.dumps([CLASS, {"s3BucketName": "big", "s3Key": key}]), **details)


def judgement(payloads: FakePayloads | None = None, bus: Any = None, rules: Rules | None = None) -> Judgement:
    chosen = rules or Rules()
    return Judgement(lambda: chosen, Served(bus or FakeBus()), payloads or FakePayloads())


async def test_what_a_message_points_to_is_what_is_published() -> None:
    """In the place of the message, with its address."""
    payloads = FakePayloads({Pointer("big", "k"): '{"big":1}'})
    batch = [message("1"), pointing("k", attributes={"rooms": "a"}), message("2")]
    verdicts = await judgement(payloads).of(batch, None)
    records = [verdict.record for verdict in verdicts if isinstance(verdict, Publish)]
    assert [record.arguments for record in records] == [b"[1]", b'[{"big":1}]', b"[2]"]
    assert records[1].rooms == ("a",)


async def test_what_cannot_be_fetched_is_left_and_its_neighbours_go_on() -> None:
    """With a reason of its own, and the place in the log."""
    payloads = FakePayloads({Pointer("big", "gone"): NoPayload("it is gone")})
    bad, good = await judgement(payloads).of([pointing("gone"), message("1")], None)
    assert isinstance(bad, Leave)
    assert (bad.reason, bad.detail) == (Reason.NO_PAYLOAD, "s3://big/gone: it is gone")
    assert isinstance(good, Publish)


async def test_what_cannot_be_fetched_holds_up_its_group() -> None:
    """To overtake it would break the group's order."""
    bad, follower = await judgement().of([pointing("gone", group="a"), message("1", group="a")], None)
    assert isinstance(bad, Leave)
    assert isinstance(follower, Leave)
    assert follower.reason is Reason.GROUP_BLOCKED


async def test_a_payload_that_is_a_pointer_again_is_left() -> None:
    """It is fetched once."""
    again = json.dumps([CLASS, {"s3BucketName": "big", "s3Key": "k"}])
    payloads = FakePayloads({Pointer("big", "k"): again})
    (verdict,) = await judgement(payloads).of([pointing("k")], None)
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.NO_PAYLOAD
    assert len(payloads.fetched) == 1


async def test_what_a_batch_points_to_is_fetched_at_the_same_time() -> None:
    """Ten that take a second each are no ten seconds."""
    together = asyncio.Barrier(3)

    class Waiting(FakePayloads):
        async def fetch(self, pointer: Pointer) -> str:
            await together.wait()
            return "1"

    async with asyncio.timeout(5):
        verdicts = await judgement(Waiting()).of([pointing(str(number)) for number in range(3)], None)
    assert all(isinstance(verdict, Publish) for verdict in verdicts)


async def test_nothing_is_fetched_where_bodies_pass_as_they_are() -> None:
    """A pointer is data there."""
    payloads = FakePayloads()
    (verdict,) = await judgement(payloads, rules=Rules(unwraps=False)).of([pointing("k")], None)
    assert isinstance(verdict, Publish)
    assert payloads.fetched == []


async def test_a_namespace_that_nobody_serves_is_left_until_somebody_does() -> None:
    """The bus knows."""
    bus: Any = FakeBus()
    clock = FakeClock()
    judging = Judgement(Rules, Served(bus, clock), FakePayloads())
    one = message(attributes={"namespace": "/shop"})
    (verdict,) = await judging.of([one], None)
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.BAD_ADDRESS
    bus.namespaces.served.add("/shop")
    clock.pass_by(ABSENT_SECONDS)
    (verdict,) = await judging.of([one], None)
    assert isinstance(verdict, Publish)


async def test_a_payload_of_an_unserved_namespace_holds_up_its_group() -> None:
    """The verdicts on what follows are given anew, too."""
    batch = [message("1", group="a", attributes={"namespace": "/shop"}), message("2", group="a")]
    first, second = await judgement().of(batch, None)
    assert isinstance(first, Leave)
    assert isinstance(second, Leave)
