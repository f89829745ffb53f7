"""`make run` and `make send`: what they are told, and what they tell."""

import json
import shutil
from itertools import islice
from typing import Any

import pytest

from queuecast_local import ports as module
from queuecast_local import redis_server
from queuecast_local.__main__ import table
from queuecast_local.ports import BadVariable, Ports, ports_from
from queuecast_local.redis_server import RedisServer
from queuecast_local.send import send, wanted


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The ports that somebody else has; no socket is opened to find out."""
    taken: set[int] = set()
    monkeypatch.setattr(module, "is_free", lambda port: port not in taken)
    return taken


# Ports


@pytest.mark.usefixtures("in_use")
def test_everything_listens_where_the_readme_says() -> None:
    """Users depend on these ports."""
    ports = ports_from({})
    assert ports == Ports(gateways=(8000, 8001), admin=9100, sqs=9324, redis=6380)
    assert (ports.gateway_admins, ports.poller_admin) == ((9100, 9101), 9102)


@pytest.mark.usefixtures("in_use")
def test_every_port_can_be_changed() -> None:
    """Something else may be there already."""
    environ = {
        "GATEWAY_PORTS": "8600, 8601,8602",
        "ADMIN_PORT": "9600",
        "SQS_PORT": "9624",
        "REDIS_PORT": "1",
    }
    ports = ports_from(environ)
    assert ports == Ports(gateways=(8600, 8601, 8602), admin=9600, sqs=9624, redis=1)
    assert (ports.gateway_admins, ports.poller_admin) == ((9600, 9601, 9602), 9603)


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80.5", "²"])
@pytest.mark.parametrize("variable", ["GATEWAY_PORTS", "ADMIN_PORT", "SQS_PORT", "REDIS_PORT"])
def test_what_is_no_port_is_refused_with_its_variable(variable: str, text: str) -> None:
    """Before anything is started."""
    with pytest.raises(BadVariable, match=variable):
        ports_from({variable: text})


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("variable", ["ADMIN_PORT", "SQS_PORT", "REDIS_PORT"])
def test_an_empty_variable_is_an_unset_one(variable: str) -> None:
    """As everywhere in Queuecast."""
    assert ports_from({variable: ""}) == Ports()


def test_all_ports_in_use_are_told_at_once(in_use: set[int]) -> None:
    """With the variable that changes each."""
    in_use.update({8001, 9102, 6380})
    with pytest.raises(BadVariable) as caught:
        ports_from({})
    assert str(caught.value).splitlines() == [
        "port 8001 is in use: set GATEWAY_PORTS to another one",
        "port 9102 is in use: set ADMIN_PORT to another one",
        "port 6380 is in use: set REDIS_PORT to another one",
    ]


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("environ", [{"GATEWAY_PORTS": "8000,8000"}, {"REDIS_PORT": "9324"}])
def test_a_port_given_to_two_parts_is_refused(environ: dict[str, str]) -> None:
    """Both are free, so the second to start would fail late, or answer for the first."""
    with pytest.raises(BadVariable):
        ports_from(environ)


@pytest.mark.usefixtures("in_use")
def test_empty_gateway_ports_are_unset_ones() -> None:
    """As for the three other variables."""
    assert ports_from({"GATEWAY_PORTS": ""}) == Ports()


@pytest.mark.usefixtures("in_use")
def test_admin_ports_that_do_not_exist_are_refused() -> None:
    """There are three of them from ADMIN_PORT on; the third would be 65537."""
    with pytest.raises(BadVariable, match="ADMIN_PORT"):
        ports_from({"ADMIN_PORT": "65535"})


# Sending


def test_without_variables_one_item_is_sent_to_everyone() -> None:
    """`make send` shows something on the board at once."""
    bodies, attributes = wanted({})
    (body,) = bodies
    assert {"id", "title", "price"} <= json.loads(body).keys()
    assert attributes == {}


def test_n_items_are_all_different() -> None:
    """The board shows items by id."""
    bodies, _ = wanted({"N": "50"})
    assert len({json.loads(body)["id"] for body in bodies}) == 50


def test_data_is_sent_as_it_was_given() -> None:
    """A message of one's own, N times."""
    bodies, _ = wanted({"DATA": '{"eur": 3}', "N": "2"})
    assert list(bodies) == ['{"eur": 3}'] * 2


def test_a_message_is_addressed_by_its_attributes() -> None:
    """Under the names that the poller reads."""
    _, attributes = wanted({"EVENT": "price", "ROOM": "sku:7", "NAMESPACE": "/shop"})
    assert {name: attribute["StringValue"] for name, attribute in attributes.items()} == {
        "event": "price",
        "rooms": "sku:7",
        "namespace": "/shop",
    }


@pytest.mark.parametrize("environ", [{"N": "0"}, {"N": "many"}, {"N": "-1"}, {"DATA": "{eur:3}"}])
def test_what_cannot_be_sent_is_refused_with_its_variable(environ: dict[str, str]) -> None:
    """The shell has eaten many a quotation mark."""
    with pytest.raises(BadVariable, match=next(iter(environ))):
        wanted(environ)


class FakeSqs:
    """The emulator's client: takes batches, refuses what it is told to."""

    def __init__(self, refused: frozenset[str] = frozenset()) -> None:
        self.batches: list[list[str]] = []
        self._refused = refused

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:  # noqa: N803  # boto's own spelling
        return {"QueueUrl": QueueName}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.batches.append([entry["MessageBody"] for entry in Entries])
        refused = [entry["Id"] for entry in Entries if entry["MessageBody"] in self._refused]
        return {
            "Successful": [{"Id": entry["Id"]} for entry in Entries if entry["Id"] not in refused],
            "Failed": [{"Id": name, "Code": "InvalidMessageContents"} for name in refused],
        }


def test_messages_are_sent_ten_at_a_time_in_their_order() -> None:
    """SQS takes no more at once."""
    sqs = FakeSqs()
    assert send(sqs, map(str, range(23)), {}) == 23
    assert [len(batch) for batch in sqs.batches] == [10, 10, 3]
    assert [body for batch in sqs.batches for body in batch] == [str(number) for number in range(23)]


def test_only_what_sqs_accepted_counts_as_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """And what it refused is told."""
    assert send(FakeSqs(frozenset({"1"})), map(str, range(3)), {}) == 2
    assert "InvalidMessageContents" in capsys.readouterr().err


def test_bodies_are_made_as_they_are_sent() -> None:
    """N may be a million."""
    bodies, _ = wanted({"N": "1000000000"})
    assert len(list(islice(bodies, 3))) == 3


# Redis


def test_a_real_redis_listens_here_alone_and_keeps_nothing() -> None:
    """It is for trying out: nothing on the network, nothing on disk, and no eviction of records."""
    command = RedisServer(("redis-server",), "redis").on(6380)
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options == {
        "--port": "6380",
        "--bind": "127.0.0.1",
        "--save": "",
        "--appendonly": "no",
        "--maxmemory-policy": "noeviction",
    }


def test_a_redis_in_pure_python_takes_its_port_alone() -> None:
    """It knows no other option."""
    command = redis_server.pure_python().on(6380)
    assert "fake_redis" in command[-2]
    assert command[-1] == "6380"


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ({"redis-server", "valkey-server"}, "/bin/redis-server"),
        ({"valkey-server"}, "/bin/valkey-server"),
        (set(), None),
    ],
)
def test_a_redis_from_path_comes_first(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], found: str | None
) -> None:
    """What the machine has is what its owner wants."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in installed else None)
    monkeypatch.setattr(redis_server, "_version", lambda server: "7")
    server = redis_server.from_path()
    assert (server and server.command[0]) == found
    assert server is None or server.description == f"{server.command[0][5:]} 7 (from PATH)"


def test_the_best_redis_there_is_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """From PATH, else from pip, else in pure Python."""
    path, pip = RedisServer(("path",), "path"), RedisServer(("pip",), "pip")
    monkeypatch.setattr(redis_server, "from_path", lambda: path)
    monkeypatch.setattr(redis_server, "from_pip", lambda: pip)
    assert redis_server.find() is path
    monkeypatch.setattr(redis_server, "from_path", lambda: None)
    assert redis_server.find() is pip
    monkeypatch.setattr(redis_server, "from_pip", lambda: None)
    assert redis_server.find() == redis_server.pure_python()


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "x86_64"), ("Linux", "aarch64")])
def test_nothing_is_installed_where_the_wheel_does_not_run(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    """A download that could only fail."""
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert redis_server.from_pip() is None


# What a person is shown


def test_the_table_says_where_everything_is_and_which_redis_runs() -> None:
    """Addresses to click on, from the first line to the last."""
    shown = table(Ports(), "redis-server 7.2 (from PATH)")
    addresses = [f"http://127.0.0.1:{port}" for port in (8000, 8001, 9100, 9101, 9102, 9324)]
    for words in (*addresses, "redis://127.0.0.1:6380/0", "redis-server 7.2 (from PATH)", "queuecast-dlq"):
        assert words in shown
    assert "Ctrl-C" in shown
