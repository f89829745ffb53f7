#!/usr/bin/env bash
# JSON Schema: for Ajv, one item that matches `contains` makes all items evaluated
#
# Versions: ajv 8.20.0, @cfworker/json-schema 4.1.6 (npm), jsonschema 4.26.0 (PyPI), github.com/santhosh-tekuri/jsonschema
# 6.0.3 (Go).
# Expected: 2020-12, section 11.2: `unevaluatedItems` leaves out the items that `contains` matched, and applies to the
# others.
# Seen: Ajv drops the check as soon as `contains` stands beside it. "A kind, then at most the flag `urgent`" lets any other
# item through in the browser, and the service, in Python or Go, refuses the same message.
#
# Output:
#> [["order", "urgent"], ["order", "other"], ["order", "urgent", "other"]]
#> ajv            true false true
#> @cfworker      true false false
#> jsonschema     true false false
#> santhosh-tekuri true false false

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ajv@8.20.0 @cfworker/json-schema@4.1.6
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jsonschema==4.26.0
go mod init probe 2> /dev/null
go get github.com/santhosh-tekuri/jsonschema/v6@v6.0.3 2> /dev/null

cat > schema.json <<'PROBE'
{"prefixItems": [{"type": "string"}], "contains": {"const": "urgent"}, "unevaluatedItems": false}
PROBE
cat > items.json <<'PROBE'
[["order", "urgent"], ["order", "other"], ["order", "urgent", "other"]]
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import { Validator } from "@cfworker/json-schema";
import Ajv from "ajv/dist/2020.js";

const [schema, items] = ["schema.json", "items.json"].map((name) => JSON.parse(readFileSync(name, "utf8")));
const ajv = new Ajv.default({ strict: false }).compile(schema);
const other = new Validator(schema, "2020-12");
console.log("ajv           ", ...items.map((one) => ajv(one)));
console.log("@cfworker     ", ...items.map((one) => other.validate(one).valid));
PROBE
cat > probe.py <<'PROBE'
import json
import jsonschema

validator = jsonschema.Draft202012Validator(json.load(open("schema.json")))
print("jsonschema    ", *(json.dumps(validator.is_valid(one)) for one in json.load(open("items.json"))))
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func main() {
	schema := jsonschema.NewCompiler().MustCompile("schema.json")
	file, _ := os.Open("items.json")
	items, _ := jsonschema.UnmarshalJSON(file)
	fmt.Print("santhosh-tekuri")
	for _, one := range items.([]any) {
		fmt.Print(" ", schema.Validate(one) == nil)
	}
	fmt.Println()
}
PROBE
go mod tidy 2> /dev/null
{ cat items.json; node probe.mjs; venv/bin/python probe.py; go run probe.go; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
