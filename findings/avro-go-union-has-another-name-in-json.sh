#!/usr/bin/env bash
# Avro: JSON of an optional time is read by Python and JavaScript, or by Go
#
# Versions: github.com/linkedin/goavro 2.15.0 (Go), fastavro 1.13.1 (PyPI), avsc 5.7.9 (npm).
# Expected: a value of a union is written with the name of its type, `{"long": 1}`. A logical type is encoded like the type
# below it (Avro 1.12, "JSON Encoding" and "Logical Types").
# Seen: goavro writes `{"long.timestamp-millis": 1}` and refuses `{"long": 1}`. The other two do the reverse. So no optional time,
# date or amount of money can be exchanged as JSON, while the binary form of the same record can.
#
# Output:
#> {"paid": {"long": 1796040000000}}
#> {"paid":{"long.timestamp-millis":1796040000000}}
#> Go refuses python.json cannot decode textual record "order": cannot decode textual union: cannot decode textual map: cannot determine codec: "long" for key: "paid"
#> Go reads go.json map[paid:map[long.timestamp-millis:2026-11-30 12:00:00 +0000 UTC]]
#> Python reads python.json {'paid': datetime.datetime(2026, 11, 30, 12, 0, tzinfo=datetime.timezone.utc)}
#> Python refuses go.json ValueError
#> JavaScript reads python.json {"paid":{"long":1796040000000}}
#> JavaScript refuses go.json invalid ["null","long"]: 1796040000000

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore fastavro==1.13.1
npm install --silent --no-audit --no-fund avsc@5.7.9
go mod init probe 2> /dev/null
go get github.com/linkedin/goavro/v2@v2.15.0 2> /dev/null

cat > schema.json <<'PROBE'
{"type": "record", "name": "order", "fields": [{"name": "paid", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]}]}
PROBE
cat > write.py <<'PROBE'
import json
from datetime import datetime, timezone
from fastavro import json_writer

with open("python.json", "w") as file:
    json_writer(file, json.load(open("schema.json")), [{"paid": datetime(2026, 11, 30, 12, tzinfo=timezone.utc)}])
PROBE
cat > read.py <<'PROBE'
import json
from fastavro import json_reader

for name in ("python.json", "go.json"):
    try:
        print("Python reads", name, *json_reader(open(name), json.load(open("schema.json"))))
    except Exception as error:
        print("Python refuses", name, type(error).__name__)
PROBE
cat > read.cjs <<'PROBE'
const { readFileSync } = require("node:fs");
const { Type } = require("avsc");

const type = Type.forSchema(require("./schema.json"));
for (const name of ["python.json", "go.json"])
  try {
    console.log("JavaScript reads", name, type.toString(type.fromString(readFileSync(name, "utf8"))));
  } catch (error) {
    console.log("JavaScript refuses", name, error.message);
  }
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/linkedin/goavro/v2"
)

func main() {
	schema, _ := os.ReadFile("schema.json")
	codec, _ := goavro.NewCodec(string(schema))
	paid := goavro.Union("long.timestamp-millis", time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	written, _ := codec.TextualFromNative(nil, map[string]any{"paid": paid})
	os.WriteFile("go.json", written, 0o600)
	for _, name := range []string{"python.json", "go.json"} {
		content, _ := os.ReadFile(name)
		if value, _, err := codec.NativeFromTextual(content); err != nil {
			fmt.Println("Go refuses", name, err)
		} else {
			fmt.Println("Go reads", name, value)
		}
	}
}
PROBE
go mod tidy 2> /dev/null
venv/bin/python write.py
go run probe.go > read
{ cat python.json; echo; cat go.json; echo; cat read; venv/bin/python read.py; node read.cjs; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
