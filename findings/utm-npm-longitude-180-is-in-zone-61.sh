#!/usr/bin/env bash
# UTM in JavaScript: longitude 180 is in zone 61, which its own reader refuses
#
# Versions: utm 1.1.1 (npm), utm 0.9.0 (PyPI).
# Expected: there are 60 zones of six degrees. 180 and -180 are the same meridian, on which zone 1 begins.
# Seen: the npm package gives longitude 180 the zone 61. Its `toLatLon` refuses what its
# `fromLatLon` has returned. The Python package of the same name gives zone 1.
#
# Output:
#> JavaScript -16.5, -180: 1K 179712 8173373; back: -180.000
#> JavaScript -16.5, 180: 61K 179712 8173373; back: zone number out of range (must be between 1 and 60)
#> Python -16.5, -180: 1K 179712 8173373
#> Python -16.5, 180: 1K 179712 8173373

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund utm@1.1.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore utm==0.9.0

cat > probe.cjs <<'PROBE'
const utm = require("utm");

for (const longitude of [-180, 180]) {
  const { easting, northing, zoneNum, zoneLetter } = utm.fromLatLon(-16.5, longitude);
  let back;
  try {
    back = utm.toLatLon(easting, northing, zoneNum, zoneLetter).longitude.toFixed(3);
  } catch (error) {
    back = error.message;
  }
  console.log(
    `JavaScript -16.5, ${longitude}: ${zoneNum}${zoneLetter} ${Math.round(easting)} ${Math.round(northing)}; back: ${back}`);
}
PROBE
cat > probe.py <<'PROBE'
import utm

for longitude in -180, 180:
    east, north, number, letter = utm.from_latlon(-16.5, longitude)
    print(f"Python -16.5, {longitude}: {number}{letter} {east:.0f} {north:.0f}")
PROBE
{ node probe.cjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
