#!/usr/bin/env bash
# Extended JSON of MongoDB in JavaScript: bytes become an object with a number for each of them
#
# Versions: bson 7.3.4 (npm), pymongo 4.20.1 (PyPI).
# Expected: a Buffer is stored as binary data by `BSON.serialize`, and its Extended JSON is {"$binary": ...} (MongoDB Extended
# JSON v2). An exported document can be imported again.
# Seen: BSON has the bytes, and `EJSON.stringify` of the same object writes {"0":104,"1":105}: after an import it is a document
# with the fields 0 and 1. Only a `Binary`, which is what a database returns, is written as it should be. A field that is
# undefined differs too: BSON leaves it out, EJSON writes null.
#
# Output:
#> Buffer: JavaScript {"body":{"0":104,"1":105}}, Python {"body": {"$binary": {"base64": "aGk=", "subType": "00"}}}
#> Uint8Array: JavaScript {"body":{"0":104,"1":105}}, Python {"body": {"$binary": {"base64": "aGk=", "subType": "00"}}}
#> Binary: JavaScript {"body":{"$binary":{"base64":"aGk=","subType":"00"}}}, Python {"body": {"$binary": {"base64": "aGk=", "subType": "00"}}}
#> undefined: JavaScript {"body":null}, Python {}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund bson@7.3.4
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore pymongo==4.20.1

cat > probe.mjs <<'PROBE'
import { BSON, Binary, EJSON } from "bson";

const bytes = Buffer.from("hi");
for (const [name, body] of Object.entries({ Buffer: bytes, Uint8Array: new Uint8Array(bytes), Binary: new Binary(bytes), undefined }))
  console.log(JSON.stringify([name, Buffer.from(BSON.serialize({ body })).toString("hex"), EJSON.stringify({ body })]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys

import bson
from bson.json_util import RELAXED_JSON_OPTIONS, dumps

for name, stored, javascript in map(json.loads, sys.stdin):
    python = dumps(bson.decode(bytes.fromhex(stored)), json_options=RELAXED_JSON_OPTIONS)
    print(f"{name}: JavaScript {javascript}, Python {python}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
