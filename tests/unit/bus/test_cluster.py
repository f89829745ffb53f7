"""The server of one slot: what CLUSTER SLOTS says of it, and whom to ask."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from redis.crc import key_slot
from redis.exceptions import ConnectionError as ConnectionLost

from queuecast_bus import cluster as cluster_module
from queuecast_bus.cluster import Cluster, parse_nodes, read_slots
from queuecast_bus.connection import cluster_of, connect
from queuecast_bus.keys import Keys
from queuecast_bus.urls import split_url

ASKED = ("asked", 7000)
ANSWER = [
    [0, 8191, [b"one", 7001, b"id", []], [b"two", 7002, b"id", []]],
    [8192, 16383, [b"three", 7003, b"id"], [None, 7004, b"id"], [b"?", 7005, b"id"]],
]


def test_several_nodes_are_read_from_a_url() -> None:
    """While one of them is down, another one can be asked."""
    parts = split_url("redis+cluster://user:p%40ss@one:7001,two,[::1]:7003,[::2]/0")
    assert parse_nodes(parts) == [("one", 7001), ("two", 6379), ("::1", 7003), ("::2", 6379)]


def test_the_servers_of_a_slot_are_read_from_the_answer() -> None:
    """Servers of other slots answer MOVED."""
    first, second = (read_slots(ANSWER, slot, ASKED) for slot in (8191, 8192))
    assert first is not None
    assert second is not None
    assert (first.primary, first.replicas) == (("one", 7001), (("two", 7002),))
    assert second.primary == ("three", 7003)


def test_a_node_without_an_address_is_the_one_that_was_asked() -> None:
    """Its address is unknown to itself, and one that is announced as `?` cannot be reached at all."""
    servers = read_slots(ANSWER, 9000, ASKED)
    assert servers is not None
    assert servers.replicas == (("asked", 7004),)
    assert ("?", 7005) not in servers.nodes


@pytest.mark.parametrize("answer", [[], [[0, 100, [b"one", 7001, b"id"]]], [[0, 16383, [b"?", 7001, b"id"]]]])
def test_a_slot_that_nobody_serves_is_noticed(answer: Sequence[Any]) -> None:
    """A cluster in which a primary died without a replica, or whose node has been forgotten."""
    assert read_slots(answer, 12_000, ASKED) is None


def test_all_keys_are_in_the_slot_of_the_hash_tag() -> None:
    """Otherwise the append script could not change them in one step."""
    keys = Keys("shop")
    found = {key_slot(key.encode()) for key in (keys.stream, keys.tail, keys.seen("1"), keys.writer("a"))}
    made = cluster_of("redis+cluster://one", keys.hash_tag)
    assert made is not None
    assert found == {made.slot}


@pytest.mark.parametrize(
    ("url", "is_used"),
    [
        ("redis+cluster://h", True),
        ("redis://h", False),
        ("redis+sentinel://h:1/0/s", None),
        ("unix:///s", None),
    ],
)
def test_a_url_says_whether_there_may_be_a_cluster(url: str, is_used: bool | None) -> None:
    """The server that a plain URL names may turn out to be a node of one."""
    made = cluster_of(url, "shop")
    assert (None if made is None else made.is_used) == is_used


@pytest.mark.parametrize("scheme", ["rediss+cluster", "valkeys+cluster"])
def test_with_tls_the_nodes_are_asked_over_tls_as_the_same_user(scheme: str) -> None:
    """Whoever can forge their answer gets the password."""
    url = f"{scheme}://us%40er:hush@one:7001,two:7002/0?ssl_check_hostname=false"
    made = cluster_of(url, "shop")
    assert made is not None
    client: Any = connect(url, cluster=made)
    one = client.connection_pool.make_connection()
    asking: Any = made._kind(**{**made._options, "host": "two", "port": 7002})
    for each in (one, asking):
        assert each.ssl_context.check_hostname is False
        assert (each.username, each.password) == ("us@er", "hush")


class Nodes:
    """Nodes that answer as told; `asked` are those that were, in turn."""

    def __init__(self, cluster: Cluster, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.answers = answers
        monkeypatch.setattr(cluster, "_ask", self._ask)

    async def _ask(self, node: tuple[str, int]) -> Any:
        self.asked.append(node[0])
        answer = self.answers[node[0]]
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer


def everything_at(*names: str) -> list[Any]:
    return [[0, 16383, *([name.encode(), 7000, b"id"] for name in names)]]


async def test_a_node_that_does_not_answer_is_not_asked_first_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection would wait for it."""
    monkeypatch.setattr(cluster_module, "NODE_SECONDS", 0.05)
    made = Cluster([("dead", 1), ("hangs", 1), ("good", 1)], "shop", is_used=True)
    answers = {"dead": ConnectionLost("refused"), "hangs": 60.0, "good": everything_at("owner")}
    nodes = Nodes(made, answers, monkeypatch)
    assert await made.server() == ("owner", 7000)
    assert await made.server() == ("owner", 7000)
    assert nodes.asked == ["dead", "hangs", "good", "good"]


async def test_a_node_that_sent_us_to_the_wrong_server_is_not_asked_first_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be cut off from the others, and name the old primary for as long as it is."""
    made = Cluster([("stale", 1), ("good", 1)], "shop", is_used=True)
    nodes = Nodes(made, {"stale": everything_at("old"), "good": everything_at("new")}, monkeypatch)
    assert await made.server() == ("old", 7000)
    made.doubt()
    assert await made.server() == ("new", 7000)
    assert nodes.asked == ["stale", "good"]


async def test_nodes_that_were_named_are_asked_once_those_in_the_url_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cluster may have been replaced node by node since the start."""
    made = Cluster([("first", 1)], "shop", is_used=True)
    nodes = Nodes(made, {"first": everything_at("one", "two")}, monkeypatch)
    await made.server()
    gone = ConnectionLost("refused")
    nodes.answers = {"first": gone, "one": gone, "two": everything_at("two")}
    assert await made.server() == ("two", 7000)


async def test_an_error_says_what_each_node_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator needs the reason: a wrong port, a wrong password, a right that is missing."""
    made = Cluster([("one", 1), ("two", 2)], "shop", is_used=True)
    Nodes(made, {"one": ConnectionLost("refused"), "two": [[0, 1, [b"x", 1, b"id"]]]}, monkeypatch)
    with pytest.raises(ConnectionLost, match=r"one:1: refused; two:2 knows no server for slot \d+"):
        await made.server()


async def test_many_connections_share_one_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failover all are made anew at the same moment. Giving one up does not end it for others."""
    made = Cluster([("one", 1)], "shop", is_used=True)
    nodes = Nodes(made, {"one": everything_at("owner")}, monkeypatch)
    waiting = [asyncio.ensure_future(made.server()) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert await asyncio.gather(*waiting[1:]) == [("owner", 7000)] * 4
    assert nodes.asked == ["one"]


async def test_a_reader_gets_a_replica_and_the_primary_only_if_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The primary is to be spared, but a gateway without a replica must still read."""
    made = Cluster([("one", 1)], "shop", is_used=True, reads=True)
    nodes = Nodes(made, {"one": everything_at("primary", "replica")}, monkeypatch)
    assert await made.server() == ("replica", 7000)
    nodes.answers["one"] = everything_at("primary")
    assert await made.server() == ("primary", 7000)
