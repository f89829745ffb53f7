#!/usr/bin/env bash
# redis-py: an idle connection that was reset is used again, and fails with RuntimeError on uvloop
#
# Versions: redis 8.1.0 with hiredis 3.5.0, uvloop 0.23.0 (PyPI).
# Expected: the pool checks each connection before it is used, and makes one anew that has ended. Where a command fails
# all the same, it fails with an error of redis.exceptions, which programs catch.
# Seen: after a regular end (FIN) the pool connects anew. After a reset (RST), which the event loop has noticed and the
# reader has stored as its exception, the pool uses the connection again. On asyncio the command then fails with
# ConnectionError; on uvloop with RuntimeError, which no `except RedisError` and no `except OSError` catches.
#
# Output:
#> asyncio, ended: connected anew
#> asyncio, reset: redis.exceptions.ConnectionError
#> uvloop, ended: connected anew
#> uvloop, reset: builtins.RuntimeError

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore redis==8.1.0 hiredis==3.5.0 uvloop==0.23.0

cat > probe.py <<'PROBE'
import asyncio
import socket
import struct
import threading

import uvloop
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def serve(listener, is_reset):
    """Answer a PING on each connection; end the first one, and keep the second."""
    for number in range(2):
        connection, _ = listener.accept()
        connection.recv(100)
        connection.sendall(b"+PONG\r\n")
        if number == 0:
            if is_reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


async def ask(port):
    once = Retry(NoBackoff(), 0)
    client = Redis(port=port, protocol=2, driver_info=None, retry=once)
    await client.ping()
    (connection,) = client.connection_pool._available_connections
    while not connection._reader.at_eof() and connection._reader.exception() is None:
        await asyncio.sleep(0.01)
    try:
        await asyncio.wait_for(client.ping(), 10)
        return "connected anew"
    except Exception as exc:
        return f"{type(exc).__module__}.{type(exc).__name__}"


for name, loop in {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}.items():
    for is_reset in (False, True):
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=(listener, is_reset), daemon=True).start()
        with asyncio.Runner(loop_factory=loop) as runner:
            outcome = runner.run(ask(listener.getsockname()[1]))
        print(f"{name}, {'reset' if is_reset else 'ended'}: {outcome}")
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
