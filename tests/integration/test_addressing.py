"""Whom a message reaches, from a real queue to the stream: nobody but those its sender meant."""

import json
from collections.abc import Callable
from typing import Any

import boto3
from tests.claims import eventually

from queuecast_bus.keys import Keys

from .gateway import Gateway
from .poller import POLLER, published, settings
from .services import HOST, Queue, Redis, Service

LEFT = "queuecast_poller_left_total"


def rooms(redis: Redis) -> list[Any]:
    """Return the rooms of all records on the stream; None is everyone."""
    addresses = [json.loads(fields[b"a"]) for _, fields in redis.client.xrange(Keys().stream)]
    return [address[1] if len(address) > 1 else None for address in addresses if address[0].startswith("/")]


def test_an_address_that_is_not_understood_is_never_a_broadcast(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """A message for one room must not go to everyone because its sender misspelled something."""
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    misspelled: list[dict[str, str]] = [
        {"room": "sku:7"},
        {"Rooms": "sku:7"},
        {"ROOMS": "sku:7"},
        {"Event": "price"},
        {"Namespaces": "/shop"},
        {"rooms": "['sku:7']"},
        {"rooms": "[]"},
        {"event": "token_expiring"},
        {"event": "queuecast:offset"},
    ]
    for attributes in misspelled:
        queue.send('{"private": true}', **attributes)
    eventually(lambda: service.metric(LEFT, reason="bad_address") >= len(misspelled))
    assert published(forgetful_redis) == []
    assert "attribute 'room': did you mean 'rooms'?" in service.log()


def test_rooms_are_read_as_their_sender_wrote_them(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """A JSON list or a number used to become a room that nobody was in, or was refused."""
    service = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_UNADDRESSED="leave"))
    eventually(service.ready)
    for type_, value in (("String", '["sku:7","sku:8"]'), ("Number", "42"), ("String.Array", '["a",1]')):
        queue.client.send_message(
            QueueUrl=queue.url,
            MessageBody="1",
            MessageAttributes={"rooms": {"DataType": type_, "StringValue": value}},
        )
    queue.send('{"for": "everyone"}')
    eventually(lambda: len(rooms(forgetful_redis)) == 3)
    assert sorted(rooms(forgetful_redis)) == [["42"], ["a", "1"], ["sku:7", "sku:8"]]
    eventually(lambda: service.metric(LEFT, reason="unaddressed") >= 1)


def test_a_namespace_that_no_gateway_serves_waits_until_one_does(
    forgetful_redis: Redis, emulator: int, start: Callable[..., Service], gateway: Callable[..., Gateway]
) -> None:
    """If it were published, it would be lost. When a gateway serves the namespace, no restart is needed."""
    queue = Queue(emulator, "namespaces", visibility_seconds=1, max_receives=100)
    eventually(gateway(forgetful_redis.url).ready)
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    queue.send('{"id": 1}', namespace="/shop")
    queue.send('{"id": 2}')
    eventually(lambda: service.metric(LEFT, reason="bad_address") >= 2)
    assert "no gateway serves the namespace '/shop'" in service.log()
    eventually(lambda: service.metric("queuecast_poller_published_total") == 1)  # its neighbour
    eventually(gateway(forgetful_redis.url, QUEUECAST_NAMESPACES="/,/shop").ready)
    eventually(lambda: queue.depth() == 0)
    assert service.metric("queuecast_poller_published_total") == 2


def test_a_payload_in_s3_is_fetched_from_the_named_bucket_alone(
    forgetful_redis: Redis, queue: Queue, moto: int, start: Callable[..., Service]
) -> None:
    """A message must not choose what the poller reads, and a missing object must hold up no other."""
    endpoint = f"http://{HOST}:{moto}"
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  # the emulator accepts any
    )
    for bucket in ("payloads", "secrets"):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=json.dumps({"of": bucket}).encode())
    s3.put_object(Bucket="payloads", Key="large", Body=b'"' + b"x" * 2_000 + b'"')
    service = start(
        POLLER,
        settings(
            forgetful_redis,
            queue,
            AWS_ENDPOINT_URL_S3=endpoint,
            QUEUECAST_PAYLOAD_BUCKETS="payloads",
            QUEUECAST_MAX_BODY_BYTES="1000",
        ),
    )
    eventually(service.ready)
    for bucket, key in (("payloads", "k"), ("secrets", "k"), ("payloads", "gone"), ("payloads", "large")):
        pointer = {"s3BucketName": bucket, "s3Key": key}
        queue.send(json.dumps(["software.amazon.payloadoffloading.PayloadS3Pointer", pointer]), event="price")
    eventually(lambda: service.metric(LEFT, reason="no_payload") >= 3)
    eventually(lambda: published(forgetful_redis) == [{"of": "payloads"}])
    for why in ("QUEUECAST_PAYLOAD_BUCKETS", "NoSuchKey", "larger than 1000 bytes"):
        assert why in service.log()


def test_the_test_event_of_s3_is_deleted_and_counted(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """S3 sends it once, when somebody switches notifications on; it is not meant for browsers."""
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    queue.send('{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-29T12:58:31Z","Bucket":"shop"}')
    eventually(lambda: service.metric("queuecast_poller_dropped_total", reason="s3_test") == 1)
    eventually(lambda: queue.depth() == 0)
    assert published(forgetful_redis) == []
    assert service.metric("queuecast_poller_in_flight") == 0
