#!/usr/bin/env bash
# JSON Merge Patch in Go: null inside of a list is lost
#
# Versions: github.com/evanphx/json-patch 5.9.11 (Go), json-merge-patch 1.0.2 (npm), json-merge-patch 0.3.0 (PyPI).
# Expected: a list in a merge patch replaces what was there, as it is. Null means "remove" only for a member of the patch's
# objects (RFC 7396, section 2: the function looks into objects and returns everything else unchanged).
# Seen: Go goes into the list and removes each member that is null from the objects in it. JavaScript and Python keep them. So
# after the same patch the replicas of one document differ, and a reader can no longer tell "no price" from "not said".
#
# Output:
#> Go         {"order":7,"lines":[{"sku":"a"},{"sku":"b","price":5}]} <nil>
#> Python     {"order":7,"lines":[{"sku":"a","price":null},{"sku":"b","price":5}]}
#> JavaScript {"order":7,"lines":[{"sku":"a","price":null},{"sku":"b","price":5}]}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund json-merge-patch@1.0.2
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore json-merge-patch==0.3.0
go mod init probe 2> /dev/null
go get github.com/evanphx/json-patch/v5@v5.9.11 2> /dev/null

cat > target.json <<< '{"order":7,"lines":[]}'
cat > patch.json <<< '{"lines":[{"sku":"a","price":null},{"sku":"b","price":5}]}'
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

func main() {
	target, _ := os.ReadFile("target.json")
	patch, _ := os.ReadFile("patch.json")
	merged, err := jsonpatch.MergePatch(target, patch)
	fmt.Println("Go        ", string(merged), err)
}
PROBE
cat > probe.py <<'PROBE'
import json
from json_merge_patch import merge

print("Python    ", json.dumps(merge(json.load(open("target.json")), json.load(open("patch.json"))), separators=(",", ":")))
PROBE
cat > probe.cjs <<'PROBE'
const { apply } = require("json-merge-patch");

console.log("JavaScript", JSON.stringify(apply(require("./target.json"), require("./patch.json"))));
PROBE
go mod tidy 2> /dev/null
{ go run probe.go; venv/bin/python probe.py; node probe.cjs; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
