"""The poller with traces."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from prometheus_client import CollectorRegistry
from tests.unit.endpoint import FakeEndpoint
from tests.unit.fakes import FakeBus, FakeClock
from tests.unit.poller.fakes import FakePayloads, FakeQueue, message
from tests.unit.poller.sqs.raw_message import RAW, URL
from tests.unit.spans import SENDER, KeptTraces, attributes, named, parent

from queuecast_bus.record import TracedRecord
from queuecast_edge.trace_context import read_traceparent
from queuecast_poller.intake import bus_retry, receivers
from queuecast_poller.intake.liveness import Liveness
from queuecast_poller.judge.message_judge import MessageJudge
from queuecast_poller.judge.served_namespaces import ServedNamespaces
from queuecast_poller.metrics import Metrics
from queuecast_poller.route.model import queue_name
from queuecast_poller.route.rules import Rules
from queuecast_poller.settings import Settings
from queuecast_poller.sqs.digest import attributes_digest
from queuecast_poller.sqs.message import Arrival, Message
from queuecast_poller.sqs.queue import SqsQueue
from queuecast_poller.traced import TracedIntake, TracedQueue

XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
XRAY_SENDER = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"


def raw(traceparent: dict[str, Any] | None = None, xray: str | None = None) -> dict[str, Any]:
    """Return a message as SQS does, with its sender's trace headers."""
    own = {**RAW["MessageAttributes"], **({"traceparent": traceparent} if traceparent else {})}
    return {
        **RAW,
        "Attributes": {**RAW["Attributes"], **({"AWSTraceHeader": xray} if xray else {})},
        "MessageAttributes": own,
        "MD5OfMessageAttributes": attributes_digest(own),
    }


def text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


async def received(kind: type[SqsQueue], answer: dict[str, Any]) -> tuple[Message, FakeEndpoint]:
    """Return the message that a queue of this class makes."""
    endpoint = FakeEndpoint({"Messages": [answer]})
    queue = kind(endpoint.client(), URL, wait_seconds=20)
    queue.apply_attributes({})
    (one,) = await queue.receive()
    return one, endpoint


@pytest.mark.parametrize(
    ("message", "sender"),
    [
        (raw(text(SENDER)), SENDER),
        (raw(xray=XRAY), XRAY_SENDER),
        (raw(text(SENDER), XRAY), SENDER),
        (raw(text("nonsense"), XRAY), XRAY_SENDER),
        (raw({"DataType": "Binary", "BinaryValue": b64encode(SENDER.encode()).decode()}, XRAY), XRAY_SENDER),
        (raw(text("nonsense"), "nonsense"), None),
        (raw(), None),
    ],
    ids=["w3c", "xray", "both", "malformed w3c", "binary", "malformed", "none"],
)
async def test_a_message_says_which_span_sent_it(message: dict[str, Any], sender: str | None) -> None:
    """Its own attribute comes first: X-Ray's is added by whichever SDK sent the message."""
    one, _ = await received(TracedQueue, message)
    assert one.arrival is not None
    assert one.arrival.parent == (read_traceparent(sender) if sender else None)
    assert not one.attributes_altered
    assert "rooms" in one.unreadable


async def test_trace_headers_are_requested_and_read_only_if_traces_are_on() -> None:
    """Without traces a receive does not change."""
    one, endpoint = await received(SqsQueue, raw(text(SENDER), XRAY))
    assert one.arrival is None
    assert "AWSTraceHeader" not in endpoint.asked["MessageSystemAttributeNames"]
    _, endpoint = await received(TracedQueue, raw())
    assert "AWSTraceHeader" in endpoint.asked["MessageSystemAttributeNames"]


class Bench:
    """An intake between a scripted queue and a bus, and what it did."""

    def __init__(self, *answers: list[Message], away_for: float = 0) -> None:
        self.stop = asyncio.Event()
        self.queue = FakeQueue(*answers, stop=self.stop)
        self.bus: Any = FakeBus(away_for=away_for)
        self._traces = KeptTraces("queuecast_poller")

    async def run(self) -> list[ReadableSpan]:
        """Work until the script ends."""
        self.bus.on_refusal = lambda: len(self.bus.tries) == 3 and self.stop.set()
        parts: tuple[Any, ...] = (self.queue, self.bus, Settings(queues=("orders",)))
        metrics = Metrics(CollectorRegistry()).for_queue("orders")
        liveness = Liveness("orders", 60.0, FakeClock())
        judgement = MessageJudge(Rules, ServedNamespaces(self.bus), FakePayloads())
        await TracedIntake(self._traces, URL, *parts, metrics, liveness, judgement).run(self.stop)
        return self._traces.ended


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_retry, "jittered", lambda attempt: 0)
    monkeypatch.setattr(receivers, "jittered", lambda attempt, cap_seconds: 0)
    monkeypatch.setattr(receivers, "MIN_EMPTY_RECEIVE_SECONDS", 0.0)


def came(body: str = "1", traceparent: str = SENDER, **details: Any) -> Message:
    return message(body, arrival=Arrival(5, read_traceparent(traceparent)), **details)


async def test_a_message_is_a_span_from_received_to_stored_in_the_trace_of_its_sender() -> None:
    """The record carries its context, so that a gateway's span becomes its child."""
    bench = Bench([came(id="message-a"), came(traceparent="")])
    span, other = await bench.run()
    assert (span.name, span.kind.name) == ("process orders", "CONSUMER")
    assert span.start_time == 5
    assert span.end_time is not None
    assert span.end_time > 1e18, "the time of day"
    assert parent(span) == SENDER
    assert parent(other) is None
    assert attributes(span) == {
        "messaging.system": "aws_sqs",
        "messaging.destination.name": "orders",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": "message-a",
        "queuecast.duplicate": False,
    }
    records = bench.bus.records
    assert [each.traceparent for each in records if isinstance(each, TracedRecord)] == [
        named(span),
        named(other),
    ]
    assert [each.arguments for each in records] == [b"[1]", b"[1]"]
    assert len(bench.queue.deleted) == 2


async def test_a_left_message_is_a_span_with_the_reason() -> None:
    """Its sender sees in its own trace why it was never shown."""
    (span,) = await Bench([came("no json")]).run()
    assert attributes(span)["error.type"] == "not_json"
    assert parent(span) == SENDER
    assert not span.status.is_ok


async def test_a_message_that_goes_back_to_its_queue_is_a_span_that_failed() -> None:
    """It comes again, with another span."""
    bench = Bench([came()], away_for=3)
    (span,) = await bench.run()
    assert attributes(span)["error.type"] == "returned"
    names = {record.traceparent for tried in bench.bus.tries for record, _ in tried}  # type: ignore[attr-defined]
    assert names == {named(span)}, "the same record in each try"


async def test_a_message_that_the_bus_had_already_says_so() -> None:
    """Browsers have the event from another span."""
    first, again = await Bench([came(id="same")], [came(id="same")]).run()
    assert [attributes(span)["queuecast.duplicate"] for span in (first, again)] == [False, True]


@pytest.mark.parametrize(
    "name", ["orders", "https://sqs.eu-west-1.amazonaws.com/1/orders", "arn:aws:sqs:eu-west-1:1:orders"]
)
def test_a_queue_has_one_name_however_it_was_given(name: str) -> None:
    """A backend groups by it."""
    assert queue_name(name) == "orders"
