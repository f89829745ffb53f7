#!/usr/bin/env bash
# JSONPath in Go: two missing values are equal, but not "equal or greater"
#
# Versions: github.com/theory/jsonpath 0.12.3, github.com/ohler55/ojg 1.28.5 (Go), python-jsonpath 2.2.2 (PyPI).
# Expected: RFC 9535, section 2.3.5.2.2: `<=` and `>=` are true where `==` is, and two queries that select nothing are
# equal.
# Seen: both Go libraries have `==` true for two missing values and `>=` false. ojg also denies `>=` for two equal booleans
# and for two nulls. So a filter `@.a >= @.b` loses objects that `@.a == @.b` finds, and its complement finds neither.
#
# Output:
#> $[?@.a == @.b] ojg             [{"a":2,"b":2},{"a":true,"b":true},{"a":null,"b":null},{"c":0}]
#> $[?@.a == @.b] python-jsonpath [{"a":2,"b":2},{"a":true,"b":true},{"a":null,"b":null},{"c":0}]
#> $[?@.a == @.b] theory/jsonpath [{"a":2,"b":2},{"a":true,"b":true},{"a":null,"b":null},{"c":0}]
#> $[?@.a >= @.b] ojg             [{"a":2,"b":2}]
#> $[?@.a >= @.b] python-jsonpath [{"a":2,"b":2},{"a":true,"b":true},{"a":null,"b":null},{"c":0}]
#> $[?@.a >= @.b] theory/jsonpath [{"a":2,"b":2},{"a":true,"b":true},{"a":null,"b":null}]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore python-jsonpath==2.2.2
go mod init probe 2> /dev/null
go get github.com/theory/jsonpath@v0.12.3 github.com/ohler55/ojg@v1.28.5 2> /dev/null

cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"

	"github.com/ohler55/ojg/jp"
	"github.com/theory/jsonpath"
)

func main() {
	var objects any
	json.Unmarshal([]byte(`[{"a":2,"b":2},{"a":true,"b":true},{"a":null,"b":null},{"c":0}]`), &objects)
	for _, path := range []string{"$[?@.a == @.b]", "$[?@.a >= @.b]"} {
		rfc, _ := json.Marshal(jsonpath.MustParse(path).Select(objects))
		ojg, _ := json.Marshal(jp.MustParseString(path).Get(objects))
		fmt.Printf("%s theory/jsonpath %s\n%s ojg             %s\n", path, rfc, path, ojg)
	}
}
PROBE
cat > probe.py <<'PROBE'
import json
import jsonpath

objects = [{"a": 2, "b": 2}, {"a": True, "b": True}, {"a": None, "b": None}, {"c": 0}]
for path in "$[?@.a == @.b]", "$[?@.a >= @.b]":
    print(path, "python-jsonpath", json.dumps(jsonpath.findall(path, objects), separators=(",", ":")))
PROBE
{ go run probe.go; venv/bin/python probe.py; } | sort | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
