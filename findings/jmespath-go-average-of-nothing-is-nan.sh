#!/usr/bin/env bash
# JMESPath: the average of nothing is null, except in Go
#
# Version: github.com/jmespath/go-jmespath 0.4.0 (AWS's and many other Go programs' JMESPath).
# Expected: the specification says "An empty array will produce a return value of null"; Python and JavaScript do so.
# Seen: Go returns the float NaN and no error. It passes every check for nil, and encoding/json refuses to write it, so an
# empty list turns up as a failure far from the expression.
#
# Output:
#> avg of [1,2]: 1.5, as JSON 1.5
#> avg of []: NaN, as JSON json: unsupported value: NaN

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"

	"github.com/jmespath/go-jmespath"
)

func main() {
	for _, text := range []string{"[1,2]", "[]"} {
		var data any
		json.Unmarshal([]byte(text), &data)
		result, err := jmespath.Search("avg(@)", data)
		if err != nil {
			panic(err)
		}
		encoded, err := json.Marshal(result)
		if err != nil {
			encoded = []byte(err.Error())
		}
		fmt.Printf("avg of %s: %v, as JSON %s\n", text, result, encoded)
	}
}
PROBE
go mod init probe 2> /dev/null
go get github.com/jmespath/go-jmespath@v0.4.0 2> /dev/null
go run probe.go | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
