#!/usr/bin/env bash
# Protocol Buffers in Python: the JSON of the largest float cannot be read
#
# Versions: protobuf 7.36.2 (PyPI), google.golang.org/protobuf 1.36.12 (Go), @bufbuild/protobuf 2.17.0 (npm).
# Expected: what one implementation writes as JSON, all read, at least its own (the ProtoJSON format maps `float` to a number).
# Seen: all three write the largest float as 3.4028235e+38, its shortest form. Python compares this text with the exact value,
# which is a little smaller, and refuses the message as too large. The value is no rare one: it is the usual "no limit" of a
# field, and the start of a search for a minimum. The next smaller float is read.
#
# Output:
#> Python writes     3.4028235e+38
#> Python refuses    3.4028235e+38 - Float value too large at FloatValue.value
#> Python reads      3.4028233e+38
#> Go writes         3.4028235e+38
#> Go reads          3.4028235e+38 <nil>
#> JavaScript reads  3.4028235e+38

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore protobuf==7.36.2
npm install --silent --no-audit --no-fund @bufbuild/protobuf@2.17.0
go mod init probe 2> /dev/null
go get google.golang.org/protobuf@v1.36.12 2> /dev/null

cat > probe.py <<'PROBE'
import struct
from google.protobuf import json_format
from google.protobuf.wrappers_pb2 import FloatValue

largest = FloatValue(value=struct.unpack("<f", bytes.fromhex("ffff7f7f"))[0])
text = json_format.MessageToJson(largest)
print("Python writes    ", text)
for text in (text, "3.4028233e+38"):
    try:
        print("Python reads     ", json_format.MessageToJson(json_format.Parse(text, FloatValue())))
    except json_format.ParseError as error:
        print("Python refuses   ", text, "-", error)
PROBE
cat > probe.mjs <<'PROBE'
import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { FloatValueSchema } from "@bufbuild/protobuf/wkt";

const text = "3.4028235e+38";
console.log("JavaScript reads ", toJsonString(FloatValueSchema, fromJsonString(FloatValueSchema, text)));
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func main() {
	text := protojson.Format(wrapperspb.Float(math.MaxFloat32))
	fmt.Println("Go writes        ", text)
	var value wrapperspb.FloatValue
	err := protojson.Unmarshal([]byte(text), &value)
	fmt.Println("Go reads         ", protojson.Format(&value), err)
}
PROBE
go mod tidy 2> /dev/null
{ venv/bin/python probe.py; go run probe.go; node probe.mjs; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
