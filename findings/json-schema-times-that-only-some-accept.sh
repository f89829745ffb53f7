#!/usr/bin/env bash
# JSON Schema's formats: five validators disagree about three times
#
# Versions: ajv 8.20.0 with ajv-formats 3.0.1, @cfworker/json-schema 4.1.6 (npm), jsonschema 4.26.0 with rfc3339-validator
# 0.1.4 and isoduration 20.11.0, jsonschema-rs 0.61.2 (PyPI), github.com/santhosh-tekuri/jsonschema 6.0.3 (Go).
# Expected: the formats `date-time` and `duration` are the grammars of RFC 3339: `T` between date and time, leap seconds,
# and no fraction in a duration.
# Seen: in JavaScript a blank instead of the `T` is valid, and the service refuses what the form accepted. In Python a leap
# second is invalid. And `PT1.5S`, as Java writes one and a half seconds, is valid in Python only: the grammar of 2002 has
# no fraction.
#
# Output:
#> 2026-11-29T12:00:00Z ajv true, @cfworker true, jsonschema true, jsonschema-rs true, santhosh-tekuri true
#> 2026-11-29 12:00:00Z ajv true, @cfworker true, jsonschema false, jsonschema-rs false, santhosh-tekuri false
#> 1998-12-31T23:59:60Z ajv true, @cfworker true, jsonschema false, jsonschema-rs true, santhosh-tekuri true
#> PT2S ajv true, @cfworker true, jsonschema true, jsonschema-rs true, santhosh-tekuri true
#> PT1.5S ajv false, @cfworker false, jsonschema true, jsonschema-rs false, santhosh-tekuri false

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ajv@8.20.0 ajv-formats@3.0.1 @cfworker/json-schema@4.1.6
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jsonschema==4.26.0 rfc3339-validator==0.1.4 isoduration==20.11.0 jsonschema-rs==0.61.2
go mod init probe 2> /dev/null
go get github.com/santhosh-tekuri/jsonschema/v6@v6.0.3 2> /dev/null

cat > cases.json <<'PROBE'
[
  ["date-time", "2026-11-29T12:00:00Z"],
  ["date-time", "2026-11-29 12:00:00Z"],
  ["date-time", "1998-12-31T23:59:60Z"],
  ["duration", "PT2S"],
  ["duration", "PT1.5S"]
]
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import { Validator } from "@cfworker/json-schema";
import formats from "ajv-formats";
import Ajv from "ajv/dist/2020.js";

const ajv = formats.default(new Ajv.default());
for (const [format, value] of JSON.parse(readFileSync("cases.json", "utf8")))
  console.log(value, `ajv ${ajv.validate({ format }, value)}, @cfworker ${new Validator({ format }, "2020-12").validate(value).valid},`);
PROBE
cat > probe.py <<'PROBE'
import json
import jsonschema
import jsonschema_rs

python = jsonschema.Draft202012Validator
for format, value in json.load(open("cases.json")):
    first = python({"format": format}, format_checker=python.FORMAT_CHECKER).is_valid(value)
    second = jsonschema_rs.Draft202012Validator({"format": format}, validate_formats=True).is_valid(value)
    print(f"jsonschema {json.dumps(first)}, jsonschema-rs {json.dumps(second)},")
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func main() {
	content, _ := os.ReadFile("cases.json")
	var cases [][]string
	json.Unmarshal(content, &cases)
	for _, one := range cases {
		compiler := jsonschema.NewCompiler()
		compiler.AssertFormat()
		compiler.AddResource("schema.json", map[string]any{"format": one[0]})
		fmt.Println("santhosh-tekuri", compiler.MustCompile("schema.json").Validate(one[1]) == nil)
	}
}
PROBE
go mod tidy 2> /dev/null
paste -d ' ' <(node probe.mjs) <(venv/bin/python probe.py) <(go run probe.go) | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
