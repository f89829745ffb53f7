#!/usr/bin/env bash
# hashring in JavaScript: with seven servers, keys are on another server than in Python
#
# Versions: hashring 3.2.0 (npm), uhashring 2.5 (PyPI).
# Expected: both are "compatible with the original libketama library" (README of hashring) and have 160 points for each server:
# the same key is on the same server. For Python's hash_ring, which has 120 points, the README has the option `compatiblity`.
# Seen: the share of a server is rounded down after a division and a multiplication. With seven servers (or 14, 28, 49, 56) it
# is 39.99 hashes instead of 40, so each one has 156 points, and some keys are not found where Python has put them. The option
# does nothing as it is spelt in the README; the code reads `compatibility`.
#
# Output:
#> 3 servers: 480 points, 0 of 10000 keys are elsewhere than in Python
#> 7 servers: 1092 points, 155 of 10000 keys are elsewhere than in Python
#> 8 servers: 1280 points, 0 of 10000 keys are elsewhere than in Python
#> 3 servers with compatiblity: 480 points, 2015 of 10000 keys are elsewhere than in Python
#> 3 servers with compatibility: 360 points, 0 of 10000 keys are elsewhere than in Python

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund hashring@3.2.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore uhashring==2.5

cat > probe.cjs <<'PROBE'
const HashRing = require("hashring");

for (const [count, option] of [[3], [7], [8], [3, "compatiblity"], [3, "compatibility"]]) {
  const servers = Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}:11211`);
  const ring = new HashRing(servers, "md5", option ? { [option]: "hash_ring", "max cache size": 1 } : {});
  const places = Array.from({ length: 10000 }, (_, i) => ring.get(`order-${i}`));
  const points = Object.values(ring.points()).flat().length;
  console.log(JSON.stringify({ name: `${count} servers${option ? ` with ${option}` : ""}`, option, servers, points, places }));
}
PROBE
cat > probe.py <<'PROBE'
import json
import sys

from uhashring import HashRing

for line in sys.stdin:
    there = json.loads(line)
    ring = HashRing(nodes=there["servers"], hash_fn="ketama", replicas=3 if "option" in there else 4)
    elsewhere = sum(ring.get_node(f"order-{i}") != place for i, place in enumerate(there["places"]))
    print(f"{there['name']}: {there['points']} points, {elsewhere} of 10000 keys are elsewhere than in Python")
PROBE
node probe.cjs > places
venv/bin/python probe.py < places | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
