#!/usr/bin/env bash
# wkx: a coordinate above 10737 is another one in its TWKB
#
# Version: wkx 0.5.0 (npm).
# Expected: a coordinate is a zigzag varint of 64 bits (TWKB specification, "ZigZag" and "Varint"), so that what toTwkb()
# writes, parseTwkb() reads. The same library's WKB has the right numbers.
# Seen: the number times 100000, the default precision, is cut to 32 bits. Degrees are in range. Metres, as of UTM or of the
# maps of the web, are not: the place is another one, without an error.
#
# Output:
#> POINT(13.4 52.52) TWKB POINT(13.4 52.52) WKB POINT(13.4 52.52)
#> POINT(10737 1) TWKB POINT(10737 1) WKB POINT(10737 1)
#> POINT(10738 1) TWKB POINT(-10736.83648 1) WKB POINT(10738 1)
#> POINT(391779 5820072) TWKB POINT(5231.94336 391.31392) WKB POINT(391779 5820072)

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund wkx@0.5.0

cat > probe.cjs <<'PROBE'
const { Geometry } = require("wkx");

for (const text of ["POINT(13.4 52.52)", "POINT(10737 1)", "POINT(10738 1)", "POINT(391779 5820072)"]) {
  const place = Geometry.parse(text);
  console.log(text, "TWKB", Geometry.parseTwkb(place.toTwkb()).toWkt(), "WKB", Geometry.parse(place.toWkb()).toWkt());
}
PROBE
node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
