"""`make run`: start everything, say where it is, show the services' logs, stop everything on Ctrl-C."""

import os
import signal
import sys
import threading

from queuecast_local import redis_server, sqs
from queuecast_local.ports import HOST, BadVariable, Ports, ports_from
from queuecast_local.stack import Stack, StackFailed

CANARY = {"QUEUECAST_CANARY_SECONDS": "15"}
"""That messages come through is known on the gateways, even when there are none."""
COLOURS = (36, 35, 34, 32)
"""Of the gateways' log prefixes; the poller's is yellow."""


def main() -> None:
    """Run until Ctrl-C. Ends with 0 then, 1 if a part failed, 2 if a variable or a port is wrong."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        ports = ports_from(os.environ)
        server = redis_server.find()
        print("starting Redis, the SQS emulator, the gateways and the poller …", flush=True)
        with Stack(ports, server, _show, poller_settings=CANARY) as stack:
            print(table(ports, server.description), flush=True)
            while not stop.wait(0.2):
                if (ended := stack.ended()) is not None:
                    raise StackFailed(f"{ended.name} ended by itself with code {ended.exit_code}")
            print("\nstopping …", flush=True)
    except BadVariable as exc:
        sys.exit(_complain(str(exc), 2))
    except StackFailed as exc:
        sys.exit(_complain(str(exc), 1))


def table(ports: Ports, redis: str) -> str:
    """Return what is where, for a person."""
    boards = "   ".join(f"http://{HOST}:{port}/" for port in ports.gateways)
    admins = "   ".join(f"http://{HOST}:{port}" for port in ports.gateway_admins)
    rows = [
        ("live boards", boards),
        ("gateway admin", f"{admins}   /livez /readyz /metrics"),
        ("poller admin", f"http://{HOST}:{ports.poller_admin}   /livez /readyz /metrics"),
        ("SQS endpoint", f"http://{HOST}:{ports.sqs}   queues {sqs.QUEUE}, {sqs.DEAD_LETTER_QUEUE}"),
        ("Redis", f"redis://{HOST}:{ports.redis}/0   {redis}"),
    ]
    lines = "\n".join(f"  {name:<15}{where}" for name, where in rows)
    hint = "`make send` in another terminal puts an item on the queue. Ctrl-C stops all of it."
    return f"\nQueuecast is running.\n\n{lines}\n\n{hint}\n"


def _show(name: str, line: str) -> None:
    if sys.stdout.isatty():
        colour = 33 if name == "poller" else COLOURS[int(name.rpartition("-")[2]) % len(COLOURS)]
        name = f"\033[{colour}m{name}\033[0m"
    print(f"{name} | {line}", flush=True)


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
