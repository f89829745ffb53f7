#!/usr/bin/env bash
# Geohash in JavaScript: a place on the equator, at Greenwich or on a round coordinate has another hash
#
# Versions: ngeohash 0.6.4, latlon-geohash 2.0.0 (npm), pygeohash 3.5.1 (PyPI).
# Expected: a coordinate in the middle of an interval belongs to its upper half, as in the first geohash service: 0, 0 is
# s0000. The same place has the same hash in every library, so that places can be found and grouped by its beginning.
# Seen: ngeohash takes the lower half. A place whose latitude or longitude is a border of cells (0, 45, -73.125) has a hash
# that often shares not even its first letter with that of the other libraries. All other places have the same hash everywhere.
#
# Output:
#> 52.52, 13.405: ngeohash u33dc0c, latlon-geohash u33dc0c, pygeohash u33dc0c
#> 0, 0: ngeohash 7zzzzzz, latlon-geohash s000000, pygeohash s000000
#> 51.4779, 0: ngeohash gcpuzgr, latlon-geohash u10hb52, pygeohash u10hb52
#> 0, -78.45: ngeohash 6rbpyzf, latlon-geohash d200nb4, pygeohash d200nb4
#> 45, 7.5: ngeohash spvrfxv, latlon-geohash u0j248j, pygeohash u0j248j
#> 40.5, -73.125: ngeohash dr5yruz, latlon-geohash drhn2hb, pygeohash drhn2hb

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ngeohash@0.6.4 latlon-geohash@2.0.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore pygeohash==3.5.1

cat > probe.mjs <<'PROBE'
import latlon from "latlon-geohash";
import ngeohash from "ngeohash";

for (const [latitude, longitude] of [[52.52, 13.405], [0, 0], [51.4779, 0], [0, -78.45], [45, 7.5], [40.5, -73.125]])
  console.log(JSON.stringify(
    [latitude, longitude, ngeohash.encode(latitude, longitude, 7), latlon.encode(latitude, longitude, 7)]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys

import pygeohash

for latitude, longitude, ngeohash, latlon in map(json.loads, sys.stdin):
    here = pygeohash.encode(latitude, longitude, precision=7)
    print(f"{latitude}, {longitude}: ngeohash {ngeohash}, latlon-geohash {latlon}, pygeohash {here}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
