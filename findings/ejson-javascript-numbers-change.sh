#!/usr/bin/env bash
# Extended JSON of MongoDB in JavaScript: a long loses its last digit, and a double is named a long
#
# Versions: bson 7.3.4 (npm), pymongo 4.20.1 (PyPI).
# Expected: the relaxed form of a 64-bit integer is a number of JSON with all of its digits; the canonical form keeps every type
# (MongoDB Extended JSON v2).
# Seen: in the relaxed form, which is the default, 9007199254740993 is written as 9007199254740992, without an error. In the
# canonical form, a whole number from 2^31 on is a $numberLong, though `BSON.serialize` stores the same number as a double:
# exported and imported, it has another type.
#
# Output:
#> Long 9007199254740993, relaxed: JavaScript {"id":9007199254740992}, Python {"id": 9007199254740993}
#> number 2147483647, canonical: JavaScript {"id":{"$numberInt":"2147483647"}}, Python {"id": {"$numberInt": "2147483647"}}
#> number 2147483648, canonical: JavaScript {"id":{"$numberLong":"2147483648"}}, Python {"id": {"$numberDouble": "2147483648.0"}}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund bson@7.3.4
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore pymongo==4.20.1

cat > probe.mjs <<'PROBE'
import { BSON, EJSON, Long } from "bson";

const cases = [
  ["Long 9007199254740993", { id: Long.fromString("9007199254740993") }, true],
  ["number 2147483647", { id: 2147483647 }, false],
  ["number 2147483648", { id: 2147483648 }, false],
];
for (const [name, message, relaxed] of cases)
  console.log(JSON.stringify(
    [name, Buffer.from(BSON.serialize(message)).toString("hex"), relaxed, EJSON.stringify(message, { relaxed })]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys

import bson
from bson.json_util import CANONICAL_JSON_OPTIONS, RELAXED_JSON_OPTIONS, dumps

for name, stored, relaxed, javascript in map(json.loads, sys.stdin):
    options = RELAXED_JSON_OPTIONS if relaxed else CANONICAL_JSON_OPTIONS
    python = dumps(bson.decode(bytes.fromhex(stored)), json_options=options)
    print(f"{name}, {'relaxed' if relaxed else 'canonical'}: JavaScript {javascript}, Python {python}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
