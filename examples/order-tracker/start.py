"""`make order-tracker`: everything that `make run` starts, a topic in front of the queue, and the shop."""

import os
import secrets
import signal
import sys
import threading
import time
from pathlib import Path

from botocore.session import Session

from queuecast_local import redis_server, sqs
from queuecast_local.ports import HOST, BadVariable, Ports, is_free, port_from, ports_from
from queuecast_local.processes import Process
from queuecast_local.stack import Stack, StackFailed
from queuecast_local.variables import links, variables

HERE = Path(__file__).parent
READY = "Uvicorn running on"
"""What uvicorn writes once its port is open; "Application startup complete" comes before that."""


def main() -> None:
    """Run until Ctrl-C. Exits with 0 then, with 1 if a part failed, with 2 if a variable or port is wrong."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    secret = secrets.token_urlsafe(32)
    environ = {**os.environ, "QUEUECAST_AUTH": "jwt"}
    try:
        port = app_port()
        ports = ports_from(os.environ)
        print("starting Redis, SQS and SNS, the gateways, the poller and the shop …", flush=True)
        with Stack(
            ports,
            redis_server.find(),
            show,
            gateway_settings={
                **links(ports, environ),
                **variables("gateway", environ),
                "QUEUECAST_AUTH": "jwt",
                "QUEUECAST_AUTH_SECRET": secret,
            },
            # A message that names no room is left on the queue: nobody sees everybody's orders by accident.
            poller_settings={**variables("poller", environ), "QUEUECAST_UNADDRESSED": "leave"},
        ) as stack:
            stack.start_balancer()
            shop = start_shop(ports, port, secret)
            for gateway in stack.gateways:
                print(f"  kill -9 {gateway.pid}    {gateway.name} dies: its pages come back on the other one")
            print("\nCtrl-C stops everything.\n", flush=True)
            try:
                wait(stack, shop, stop)
            finally:
                shop.stop(grace_seconds=5)
    except BadVariable as exc:
        complain(f"{exc}", 2)
    except StackFailed as exc:
        complain(f"{exc}", 1)


def app_port() -> int:
    """Return the shop's port. Raises `BadVariable`."""
    port = port_from(os.environ, "APP_PORT", 8090)
    if not is_free(port):
        raise BadVariable(f"port {port} is in use: set APP_PORT to another one")
    return port


def start_shop(ports: Ports, port: int, secret: str) -> Process:
    """Make the topic, with the queue as its subscriber, and start the shop."""
    environment = {
        **sqs.environment(ports.sqs),
        "TOPIC_ARN": make_topic(ports.sqs),
        "GATEWAY_URL": f"http://{HOST}:{ports.balancer}",
        "AUTH_SECRET": secret,
    }
    address = ("--host", HOST, "--port", str(port), "--no-access-log")
    command = (sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), *address, "app:app")
    shop = Process("shop", command, environment, show)
    while shop.exit_code is None and not any(READY in line for line in shop.tail):
        time.sleep(0.1)
    check(shop)
    print(
        f"""
  shop       http://{HOST}:{port}/          sign in as ann, and in another window as staff
  live board http://{HOST}:{ports.balancer}/          asks for a token
""",
        flush=True,
    )
    return shop


def make_topic(sqs_port: int) -> str:
    """Create the topic `orders` and subscribe the queue; return the topic's ARN."""
    queues = sqs.client(sqs_port)
    url = queues.get_queue_url(QueueName=sqs.QUEUE)["QueueUrl"]
    asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    topics = Session().create_client(
        "sns",
        endpoint_url=f"http://{HOST}:{sqs_port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  # the emulator takes anything
    )
    topic: str = topics.create_topic(Name="orders")["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])
    return topic


def wait(stack: Stack, shop: Process, stop: threading.Event) -> None:
    """Wait for Ctrl-C, and start again what was killed meanwhile. Raises `StackFailed`."""
    while not stop.wait(0.2):
        for ended, successor in stack.revive():
            print(f"{ended.name} ended: started again as process {successor.pid}", flush=True)
        check(shop)
    print("\nstopping …", flush=True)


def check(shop: Process) -> None:
    """Raise `StackFailed` with its last output if the shop has ended."""
    if shop.exit_code is not None:
        raise StackFailed(f"the shop ended with code {shop.exit_code}:\n" + "\n".join(shop.tail))


def show(name: str, line: str) -> None:
    """Show a line of a process's output."""
    print(f"{name} | {line}", flush=True)


def complain(message: str, code: int) -> None:
    """Say what is wrong, and exit with this code."""
    print(message, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
