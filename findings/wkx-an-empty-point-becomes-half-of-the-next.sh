#!/usr/bin/env bash
# wkx: an empty point in a MULTIPOINT takes a number of the next one
#
# Version: wkx 0.5.0 (npm).
# Expected: a point in a MULTIPOINT may be EMPTY (OGC 06-103r4, section 7.2.2, where a point text is an empty set or a point).
# wkx reads an empty point alone, and in a GEOMETRYCOLLECTION. If it cannot read this, it should say so.
# Seen: two points become one, whose x is not a number. In GeoJSON that is null, which RFC 7946 does not allow in a position.
#
# Output:
#> POINT EMPTY -> POINT EMPTY {"type":"Point","coordinates":[]}
#> GEOMETRYCOLLECTION(POINT EMPTY,POINT(1 2)) -> GEOMETRYCOLLECTION(POINT EMPTY,POINT(1 2)) {"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[]},{"type":"Point","coordinates":[1,2]}]}
#> MULTIPOINT(EMPTY,(1 2)) -> MULTIPOINT(NaN 2) {"type":"MultiPoint","coordinates":[[null,2]]}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund wkx@0.5.0

cat > probe.cjs <<'PROBE'
const { Geometry } = require("wkx");

for (const text of ["POINT EMPTY", "GEOMETRYCOLLECTION(POINT EMPTY,POINT(1 2))", "MULTIPOINT(EMPTY,(1 2))"]) {
  const geometry = Geometry.parse(text);
  console.log(text, "->", geometry.toWkt(), JSON.stringify(geometry.toGeoJSON()));
}
PROBE
node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
