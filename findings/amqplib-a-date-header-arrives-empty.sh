#!/usr/bin/env bash
# amqplib: a header that is a Date arrives as an empty table
#
# Versions: amqplib 2.3.1 (npm), amqp 5.4.2 (PyPI), which reads the table.
# Expected: a field table has a type for times, which amqplib uses if it is told to with a `!`. A Date without one is either a
# time or text, as in JSON, or an error, like the other values that amqplib cannot encode.
# Seen: each object without a type of its own is a table of its properties. A Date and a Map have none, so they are `{}`, with
# no error. A Uint8Array is a table with a key for each byte, although its subclass Buffer is bytes.
#
# Output:
#> new Date(0)              {}
#> new Map([['a', 1]])      {}
#> new Uint8Array([7, 8])   {'0': 7, '1': 8}
#> Buffer.from([7, 8])      b'\x07\x08'
#> ({ a: 1 })               {'a': 1}
#> ({ '!': 'timestamp', value: 0 }) 1970-01-01 00:00:00
#> Symbol('a')              TypeError: Unknown type to encode: symbol

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund amqplib@2.3.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore amqp==5.4.2

cat > probe.cjs <<'PROBE'
// The function that encodes the headers of publish().
const { encodeTable } = require("./node_modules/amqplib/lib/codec.js");
const values = [
  "new Date(0)", "new Map([['a', 1]])", "new Uint8Array([7, 8])", "Buffer.from([7, 8])", "({ a: 1 })",
  "({ '!': 'timestamp', value: 0 })", "Symbol('a')",
];
for (const text of values) {
  const buffer = Buffer.alloc(200);
  try {
    console.log(JSON.stringify([text, buffer.toString("hex", 0, encodeTable(buffer, { header: eval(text) }, 0))]));
  } catch (error) {
    console.log(JSON.stringify([text, null, `${error}`]));
  }
}
PROBE
cat > probe.py <<'PROBE'
import json
import sys
from amqp.serialization import loads

for line in sys.stdin:
    text, content, *error = json.loads(line)
    print(f"{text:24}", *error or [loads("F", bytes.fromhex(content), 0)[0][0]["header"]])
PROBE
node probe.cjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
