#!/usr/bin/env bash
# JSON Patch in Go: a test of 1.0 fails for 1
#
# Versions: github.com/evanphx/json-patch 5.9.11 (Go), fast-json-patch 3.1.1 (npm), jsonpatch 1.48 (PyPI).
# Expected: RFC 6902, section 4.6: numbers are equal in a `test` if their values are numerically equal.
# Seen: the Go library, which Kubernetes uses, compares the text of the numbers. A patch that tests `1.0` or `1e3` fails for
# documents with 1 or 1000, and succeeds in Python and JavaScript. An optimistic update from a language that writes whole
# floats with their point is refused again and again.
#
# Output:
#> document 1, test 1: Go succeeds, JavaScript succeeds, Python succeeds
#> document 1, test 1.0: Go fails, JavaScript succeeds, Python succeeds
#> document 1000, test 1e3: Go fails, JavaScript succeeds, Python succeeds
#> document 2.50, test 2.5: Go fails, JavaScript succeeds, Python succeeds

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund fast-json-patch@3.1.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jsonpatch==1.48
go mod init probe 2> /dev/null
go get github.com/evanphx/json-patch/v5@v5.9.11 2> /dev/null

cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

func main() {
	patch, _ := jsonpatch.DecodePatch([]byte(os.Args[2]))
	if _, err := patch.Apply([]byte(os.Args[1])); err != nil {
		fmt.Println("fails")
		return
	}
	fmt.Println("succeeds")
}
PROBE
cat > probe.mjs <<'PROBE'
import patches from "fast-json-patch";

try {
  patches.applyPatch(JSON.parse(process.argv[2]), JSON.parse(process.argv[3]));
  console.log("succeeds");
} catch {
  console.log("fails");
}
PROBE
cat > probe.py <<'PROBE'
import sys
import json
import jsonpatch

try:
    jsonpatch.apply_patch(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
    print("succeeds")
except jsonpatch.JsonPatchTestFailed:
    print("fails")
PROBE
go build -o probe .
while read -r has tests; do
  set -- "{\"n\": $has}" "[{\"op\": \"test\", \"path\": \"/n\", \"value\": $tests}]"
  echo "document $has, test $tests: Go $(./probe "$@"), JavaScript $(node probe.mjs "$@"), Python $(venv/bin/python probe.py "$@")"
done <<'CASES' | tee output
1 1
1 1.0
1000 1e3
2.50 2.5
CASES

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
