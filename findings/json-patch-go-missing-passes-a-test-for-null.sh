#!/usr/bin/env bash
# JSON Patch in Go: a test for null passes where there is nothing
#
# Versions: github.com/evanphx/json-patch 5.9.11 (Go), fast-json-patch 3.1.1, rfc6902 5.4.0 (npm), jsonpatch 1.48 (PyPI).
# Expected: RFC 6902, section 4.6: `test` compares the value at a location; a location that does not exist has none, and the
# operation fails. `null` is a value.
# Seen: Go lets the test pass; the other three do not. "Only while `assignee` is there and null" also holds after somebody
# took the member away, so the next operation changes a document that the author of the patch wanted to leave alone.
#
# Output:
#> evanphx/json-patch {"assignee":"ana"} passes: false
#> evanphx/json-patch {"assignee":null} passes: true
#> evanphx/json-patch {} passes: true
#> fast-json-patch    {"assignee":"ana"} passes: false
#> fast-json-patch    {"assignee":null} passes: true
#> fast-json-patch    {} passes: false
#> jsonpatch          {"assignee":"ana"} passes: false
#> jsonpatch          {"assignee":null} passes: true
#> jsonpatch          {} passes: false
#> rfc6902            {"assignee":"ana"} passes: false
#> rfc6902            {"assignee":null} passes: true
#> rfc6902            {} passes: false

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund fast-json-patch@3.1.1 rfc6902@5.4.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jsonpatch==1.48
go mod init probe 2> /dev/null
go get github.com/evanphx/json-patch/v5@v5.9.11 2> /dev/null

cat > cases.json <<'PROBE'
[{ "assignee": null }, {}, { "assignee": "ana" }]
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

func main() {
	content, _ := os.ReadFile("cases.json")
	var cases []json.RawMessage
	json.Unmarshal(content, &cases)
	patch, _ := jsonpatch.DecodePatch([]byte(`[{"op": "test", "path": "/assignee", "value": null}]`))
	for _, document := range cases {
		_, err := patch.Apply(document)
		fmt.Printf("evanphx/json-patch %s passes: %v\n", document, err == nil)
	}
}
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import patches from "fast-json-patch";
import { applyPatch } from "rfc6902";

const patch = [{ op: "test", path: "/assignee", value: null }];
const passes = (document) => {
  try {
    patches.applyPatch(document, patch);
    return true;
  } catch {
    return false;
  }
};
for (const document of JSON.parse(readFileSync("cases.json", "utf8"))) {
  console.log(`fast-json-patch    ${JSON.stringify(document)} passes: ${passes(document)}`);
  console.log(`rfc6902            ${JSON.stringify(document)} passes: ${applyPatch(document, patch)[0] === null}`);
}
PROBE
cat > probe.py <<'PROBE'
import json
import jsonpatch

for document in json.load(open("cases.json")):
    try:
        jsonpatch.apply_patch(document, [{"op": "test", "path": "/assignee", "value": None}])
        passes = "true"
    except jsonpatch.JsonPatchException:
        passes = "false"
    print(f"jsonpatch          {json.dumps(document)} passes: {passes}")
PROBE
{ go run probe.go; node probe.mjs; venv/bin/python probe.py; } | sed 's/{ /{/; s/ }/}/; s/": /":/' | sort | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
