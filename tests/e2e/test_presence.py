"""Presence, volatile events and a user's other tabs, with the stock JavaScript client."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.claims import eventually
from tests.issuer import SECRET, signed
from tests.reservation import PortBlock

from queuecast_local import redis_server

from .javascript import QUICK_RETURN, Client, Node, Target
from .rig import Rig, empty, running

pytestmark = pytest.mark.javascript

SETTINGS = {
    "QUEUECAST_AUTH": "jwt",
    "QUEUECAST_AUTH_SECRET": SECRET,
    "QUEUECAST_PRESENCE_ROOMS": "chat:*",
}
TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "polling"])


@pytest.fixture(scope="module")
def shared_people(block: PortBlock) -> Iterator[Rig]:
    with running(block, redis_server.find(), SETTINGS, {"QUEUECAST_VOLATILE": "true"}) as rig:
        yield rig


@pytest.fixture
def people(shared_people: Rig) -> Rig:
    """A stack whose gateways know who somebody is; it is empty when a test begins."""
    return empty(shared_people)


@contextmanager
def tabs(rig: Rig, transport: str, *subjects: str) -> Iterator[list[Client]]:
    """Connect a stock client for each of these people, on both gateways in turn."""
    claims: dict[str, Any] = {"rooms": ["chat:*"], "presence": ["chat:*"]}
    options = {**QUICK_RETURN, "transports": [transport]}
    targets = [
        Target(rig.url(number % 2), options, signed(3600, sub=subject, **claims))
        for number, subject in enumerate(subjects)
    ]
    with Node(targets) as node:
        eventually(lambda: all(client.connects for client in node.clients))
        yield node.clients


def present(client: Client, room: str) -> tuple[int, list[str]] | None:
    """Return how many are in a room and who, as the client was last told."""
    told = [said for (said,) in client.events("queuecast:presence") if said["room"] == room]
    return (told[-1]["count"], told[-1]["users"]) if told else None


@TRANSPORTS
def test_people_see_who_is_there(people: Rig, transport: str) -> None:
    """Over both gateways, each person once, also after a tab has come back."""
    room = f"chat:{transport}"
    with tabs(people, transport, "ann", "bob", "ann") as (ann, bob, second):
        for client in (ann, bob, second):
            assert client.emit("subscribe", room, {"presence": True})["ok"]
        eventually(lambda: all(present(each, room) == (2, ["ann", "bob"]) for each in (ann, bob, second)))
        assert second.emit("unsubscribe", room)["ok"]
        assert bob.emit("unsubscribe", room)["ok"]
        eventually(lambda: present(ann, room) == (1, ["ann"]))


@TRANSPORTS
def test_a_message_to_a_person_reaches_all_tabs(people: Rig, transport: str) -> None:
    """Nobody subscribes to it, and nobody else gets it."""
    with tabs(people, transport, "ann", "ann", "bob") as (one, two, bob):
        people.queue.put([{"unread": 3}], rooms="user:ann")
        people.queue.put([{"draft": "he"}], rooms="user:ann", volatile="true")
        people.queue.put([{"for": "all"}])
        eventually(lambda: bob.events("item_added"))
        eventually(lambda: all(len(each.events("item_added")) == 3 for each in (one, two)))
        assert bob.events("item_added") == [[{"for": "all"}]]


def test_a_volatile_message_is_for_those_who_are_there(people: Rig) -> None:
    """Whoever was away recovers everything else, in order."""
    with tabs(people, "websocket", "ann", "bob") as (ann, bob):
        for client in (ann, bob):
            assert client.emit("subscribe", "chat:1")["ok"]
        people.queue.put([{"n": 0}], rooms="chat:1", volatile="true")
        eventually(lambda: ann.events("item_added") and bob.events("item_added"))
        process = people.stack.gateways[0]
        process.signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
        for n in range(1, 7):
            people.queue.put([{"n": n}], rooms="chat:1", volatile=str(n % 2 == 0).lower())
        eventually(lambda: len(bob.events("item_added")) == 7)
        people.start_gateway(0)
        eventually(lambda: len(ann.connects) == 2)
        assert ann.connects[1]["recovered"] is True
        people.queue.put([{"n": 7}], rooms="chat:1", volatile="true")
        eventually(lambda: all([{"n": 7}] in client.events("item_added") for client in (ann, bob)))
        seen = [item["n"] for (item,) in bob.events("item_added")]
        assert [item["n"] for (item,) in ann.events("item_added")] == [n for n in seen if n % 2 or n == 0]
