"""The compared systems: two gateways, what takes messages from the queue, and the Redis between them."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench import builds, contestants
from bench.contestants import GATEWAY, SERVERS, STREAMS, Contestant, Place, centrifugo_settings
from bench.intake.contestants import Consumer, aws, consumer_missing, poller_environment
from bench.intake.contestants import Place as Intake

RECOVERY_SECONDS = 120
"""How long each system lets a client come back, this gateway's default."""

CENTRIFUGO_CONSUMERS = 4
"""In each node, as sqs-consumer has four loops. Each makes one call to SQS at a time: with one, it falls
behind."""


@dataclass(frozen=True)
class System:
    """A system. `gateway` is the server of the other bench; `consumer` is None where the gateways consume."""

    name: str
    title: str
    gateway: Contestant
    gateway_command: Callable[[Place, Intake], Sequence[str]]
    consumer: Consumer | None
    rooms_attribute: str = "rooms"
    id_attribute: str | None = None
    gateway_environment: Callable[[Place, Intake], Mapping[str, str]] = field(default=lambda _, __: {})
    missing: Callable[[], str | None] = field(default=lambda: None)


def _centrifugo_command(place: Place, intake: Intake) -> Sequence[str]:
    settings = centrifugo_settings(place.port, place.redis_port)
    settings["channel"] = {
        "without_namespace": {
            "allow_subscribe_for_client": True,
            "allow_subscribe_for_anonymous": True,
            "history_size": 10_000,
            "history_ttl": f"{RECOVERY_SECONDS}s",
            "force_recovery": True,
        }
    }
    sqs = {
        "queues": [intake.queue_url],
        "region": "us-east-1",
        "max_concurrency": 10,
        "publication_data_mode": {"enabled": True},
    }
    settings["consumers"] = [
        {"enabled": True, "name": f"orders_{number}", "type": "aws_sqs", "aws_sqs": sqs}
        for number in range(CENTRIFUGO_CONSUMERS)
    ]
    path = place.workshop / f"centrifugo-{place.port}.json"
    path.write_text(json.dumps(settings), "utf-8")
    return (str(builds.CENTRIFUGO), "--config", str(path))


OURS = System(
    name="queuecast",
    title="Queuecast",
    gateway=GATEWAY,
    gateway_command=lambda place, _: GATEWAY.command(place),
    gateway_environment=lambda place, _: GATEWAY.environment(place),
    consumer=Consumer(
        name="poller",
        title="poller",
        command=lambda _: (sys.executable, "-m", "queuecast_poller"),
        environment=poller_environment,
    ),
)
NODE = System(
    name="node",
    title="Node",
    gateway=STREAMS,
    gateway_command=lambda place, _: STREAMS.command(place),
    gateway_environment=lambda place, _: STREAMS.environment(place),
    consumer=Consumer(
        name="sqs-consumer",
        title="sqs-consumer",
        command=lambda place: (
            "node",
            str(SERVERS / "streams-consumer.mjs"),
            place.queue_url,
            place.redis_url,
        ),
        environment=lambda _: {"NODE_ENV": "production"},
    ),
    missing=consumer_missing,
)
CENTRIFUGO = System(
    name="centrifugo",
    title="Centrifugo",
    gateway=contestants.CENTRIFUGO,
    gateway_command=_centrifugo_command,
    gateway_environment=lambda _, intake: aws(intake),
    consumer=None,
    rooms_attribute="centrifugo-channels",
    id_attribute="centrifugo-idempotency-key",
    missing=contestants.CENTRIFUGO.missing,
)

ALL = (OURS, NODE, CENTRIFUGO)
