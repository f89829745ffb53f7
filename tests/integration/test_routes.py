"""Routes, from a real queue to the stream: addressing without attributes, and a file that changes."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests import preloaded
from tests.claims import eventually

from queuecast_bus.keys import Keys

from .gateway import Gateway
from .page import page
from .poller import POLLER, settings
from .services import Queue, Redis, Service
from .site import until

LEFT = "queuecast_poller_left_total"
EVENT = {
    "version": "0",
    "id": "1",
    "detail-type": "OrderPlaced",
    "source": "shop.orders",
    "time": "2026-11-29T12:58:23Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {"id": 7},
}


def records(redis: Redis) -> list[tuple[str, list[str] | None, object]]:
    """Return the event, rooms and data of each record on the stream."""
    found = []
    for _, fields in redis.client.xrange(Keys().stream):
        address = json.loads(fields[b"a"])
        rooms = address[1] if len(address) > 1 else None
        data = json.loads(fields[b"d"])
        found.append((fields[b"e"].decode(), rooms, data[0] if data else None))
    return found


def test_events_that_cannot_have_attributes_reach_the_rooms_of_their_route(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service], tmp_path: Path
) -> None:
    """EventBridge and S3 set no attributes; a message that no route matches goes to nobody."""
    path = tmp_path / "routes.yaml"
    path.write_text(
        f"""
        routes:
          - when: eventbridge.source == 'shop.orders'
            event: eventbridge."detail-type"
            rooms: join(':', ['order', to_string(data.id)])
        queues:
          {queue.name}: {{event: order}}
        schemas:
          order: {{type: object}}
        """,
        "utf-8",
    )
    service = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_ROUTES=str(path)))
    eventually(service.ready)
    queue.send(json.dumps(EVENT), json.dumps({**EVENT, "source": "shop.other"}))
    queue.send('{"id": 8}', '"no object"', rooms="vip")
    eventually(lambda: len(records(forgetful_redis)) == 2)
    assert sorted(records(forgetful_redis), key=str) == [
        ("OrderPlaced", ["order:7"], {"id": 7}),
        ("order", ["vip"], {"id": 8}),
    ]
    eventually(lambda: service.metric(LEFT, reason="no_route") >= 1)
    eventually(lambda: service.metric(LEFT, reason="bad_payload") >= 1)


def test_a_routes_file_changes_under_a_running_poller(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service], tmp_path: Path
) -> None:
    """An invalid file changes nothing and is reported until it is fixed; SIGHUP rereads it at once."""
    path = tmp_path / "routes.yaml"
    path.write_text("event: first", "utf-8")
    service = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_ROUTES=str(path)))
    eventually(service.ready)
    path.write_text("event: second\nrotes: []", "utf-8")
    eventually(lambda: service.metric("queuecast_poller_routes_wrong") == 1)
    queue.send("1")
    eventually(lambda: records(forgetful_redis) == [("first", None, 1)])
    status, body = service.ask("/readyz")
    assert status == 200
    assert "did you mean routes?" in body
    assert "routes.yaml:2:8: rotes" in service.log()
    mended = tmp_path / "mended.yaml"
    mended.write_text("event: second", "utf-8")
    mended.replace(path)  # in one step: an empty file is a valid one
    eventually(lambda: service.metric("queuecast_poller_routes_wrong") == 0)
    queue.send("2")
    eventually(lambda: records(forgetful_redis)[1:] == [("second", None, 2)])
    taken = service.metric("queuecast_poller_routes_loads_total", outcome="taken")
    service.process.signal(signal.SIGHUP)
    eventually(lambda: service.metric("queuecast_poller_routes_loads_total", outcome="taken") == taken + 1)


def test_a_routes_file_that_is_wrong_ends_the_start_with_all_that_is_wrong(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service], tmp_path: Path
) -> None:
    """The log names file, line and position, and the variable that points to the file."""
    path = tmp_path / "routes.yaml"
    path.write_text("routes:\n  - event: price\n  - {rooms: data.}\n", "utf-8")
    service = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_ROUTES=str(path)))
    assert service.process.wait(60) == 2
    for line in (
        "QUEUECAST_ROUTES: ",
        "routes.yaml:2:12: routes[0].event: ",
        "routes.yaml:3:13: routes[1].rooms: ",
    ):
        assert line in service.log()


async def test_a_dry_run_says_how_many_browsers_would_get_a_message_now(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    """It counts over all replicas and publishes nothing."""
    one, two = gateway(forgetful_redis.url), gateway(forgetful_redis.url)
    await until(lambda: one.ready() and two.ready())
    path = tmp_path / "message.json"
    path.write_text(
        json.dumps(
            {"Body": "1", "MessageAttributes": {"rooms": {"StringValue": "sku:7", "DataType": "String"}}}
        ),
        "utf-8",
    )
    variables = {"QUEUECAST_QUEUES": "orders", "QUEUECAST_REDIS_URL": forgetful_redis.url}

    def dry_run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", POLLER, "route", str(path), "--live", *arguments]
        return preloaded.run(command, variables)

    def is_counted() -> bool:
        done = dry_run()
        assert (done.returncode, done.stderr) == (0, "")
        return "live:       2 browsers on 1 of 2 replicas" in done.stdout

    async with page(one.port) as first, page(one.port) as second, page(two.port):
        assert (await first.ask("subscribe", "sku:7"))["ok"]
        assert (await second.ask("subscribe", ["sku:7", "sku:8"]))["ok"]
        await until(is_counted)  # a replica that answers after two seconds is not counted
    assert not [event for event, _, _ in records(forgetful_redis) if event == "item_added"]
