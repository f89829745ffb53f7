"""`make run`: starts everything, prints the addresses, shows the services' logs, and stops on Ctrl-C."""

import os
import signal
import sys
import threading
from collections.abc import Sequence

from queuecast_local import redis_server, sqs
from queuecast_local.api_tokens import api_token
from queuecast_local.ports import HOST, BadVariable, Ports, ports_from
from queuecast_local.stack import Stack, StackFailed, how_it_ended
from queuecast_local.variables import links, variables

COLOURS = (36, 35, 34, 32)
"""The colours of the gateways' log prefixes. The others' is yellow."""


def main() -> None:
    """Run until Ctrl-C. Exits with 0 then, with 1 if a part failed, with 2 if a variable or port is wrong."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        ports = ports_from(os.environ)
        server = redis_server.find()
        print("starting Redis, the SQS emulator, the gateways and the poller …", flush=True)
        with (
            api_token(ports, os.environ) as (token, token_file),
            Stack(
                ports,
                server,
                _show,
                gateway_settings={
                    **links(ports, os.environ),
                    **variables("gateway", os.environ),
                    **token_file,
                },
                poller_settings=variables("poller", os.environ),
            ) as stack,
        ):
            stack.start_balancer()
            processes = [gateway.pid for gateway in stack.gateways]
            print(table(ports, processes, server.description, token), flush=True)
            while not stop.wait(0.2):
                for ended, successor in stack.revive():
                    new = f"started again as process {successor.pid}"
                    print(f"{ended.name} ended {how_it_ended(ended)}: {new}", flush=True)
            print("\nstopping …", flush=True)
    except BadVariable as exc:
        sys.exit(_complain(str(exc), 2))
    except StackFailed as exc:
        sys.exit(_complain(str(exc), 1))


def table(ports: Ports, gateways: Sequence[int], redis: str, token: str | None = None) -> str:
    """Return the table of addresses, for a person, and what to try first.

    `gateways` are process ids, `token` is one for the HTTP API.
    """
    boards = "   ".join(
        f"http://{HOST}:{port}/ (process {pid})" for port, pid in zip(ports.gateways, gateways, strict=True)
    )
    admins = "   ".join(f"http://{HOST}:{port}" for port in ports.gateway_admins)
    board = f"http://{HOST}:{ports.balancer}/"
    rows = [
        ("live board", f"{board}   through a load balancer"),
        ("gateways", boards),
        ("gateway admin", f"{admins}   /livez /readyz /metrics"),
        ("poller admin", f"http://{HOST}:{ports.poller_admin}   /livez /readyz /metrics"),
        ("SQS endpoint", f"http://{HOST}:{ports.sqs}   queues {sqs.QUEUE}, {sqs.DEAD_LETTER_QUEUE}"),
        ("Redis", f"redis://{HOST}:{ports.redis}/0   {redis}"),
    ]
    if ports.api is not None:
        apis = "   ".join(f"http://{HOST}:{port}" for port in ports.gateway_apis)
        rows.append(("HTTP API", apis if token is None else f"{apis}   TOKEN={token}"))
    lines = "\n".join(f"  {name:<15}{where}" for name, where in rows)
    kills = "\n".join(
        f"  kill -9 {pid:<10}gateway-{number} dies: its pages come back on another one, with what they missed"
        for number, pid in enumerate(gateways, 1)
    )
    return f"""
Queuecast is running.

{lines}

Open the live board. Then try in another terminal:
  make send N=10    ten items come
{kills}

Ctrl-C stops everything.
"""


def _show(name: str, line: str) -> None:
    if sys.stdout.isatty():
        number = name.rpartition("-")[2]
        colour = COLOURS[int(number) % len(COLOURS)] if number.isdecimal() else 33
        name = f"\033[{colour}m{name}\033[0m"
    print(f"{name} | {line}", flush=True)


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
