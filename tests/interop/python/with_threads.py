"""A driver for python-socketio's synchronous `Client`: see ../README.md for the commands."""

import json
import os
import sys
from typing import Any

import socketio
from coding import PATIENCE_SECONDS, QUICK_RETURN, coded, decoded, ready, report

sockets: dict[str, tuple[socketio.Client, str]] = {}


def open_(command: dict[str, Any]) -> None:
    name, namespace = command["socket"], command["namespace"]
    client = socketio.Client(**QUICK_RETURN)
    sockets[name] = client, namespace
    client.on(
        "connect",
        lambda: report("connect", socket=name, recovered=None),
        namespace,
    )
    client.on("disconnect", lambda reason: report("disconnect", socket=name, reason=reason), namespace)
    client.on("connect_error", lambda data: report("error", socket=name, message=str(data)), namespace)
    for event in command["listen"]:
        client.on(event, hearing(name, event), namespace)
    try:
        client.connect(
            command["url"],
            auth=command["auth"],
            namespaces=[namespace],
            wait_timeout=PATIENCE_SECONDS,
            **command["options"],
        )
    except socketio.exceptions.ConnectionError as exc:
        report("error", socket=name, message=str(exc))


def hearing(name: str, event: str) -> Any:
    """Return a handler of one argument, as most are: another one is a TypeError, and the event is lost."""

    def heard(data: Any) -> None:
        report("event", socket=name, name=event, args=coded([data]))

    return heard


def emit(command: dict[str, Any]) -> None:
    name, ack, args = command["socket"], command["ack"], decoded(command["args"])
    client, namespace = sockets[name]

    def answered(*answer: Any) -> None:
        report("ack", socket=name, ack=ack, args=coded(answer))

    client.emit(
        command["event"], tuple(args), namespace=namespace, callback=None if ack is None else answered
    )


def close(command: dict[str, Any]) -> None:
    sockets[command["socket"]][0].disconnect()


ready()
deeds = {"open": open_, "emit": emit, "close": close}
for line in sys.stdin:
    told = json.loads(line)
    deeds[told["do"]](told)
# Its threads would keep the process alive.
os._exit(0)
