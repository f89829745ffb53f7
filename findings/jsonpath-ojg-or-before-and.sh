#!/usr/bin/env bash
# JSONPath in ojg: `a || b && c` means `(a || b) && c`
#
# Versions: github.com/ohler55/ojg 1.28.5, github.com/theory/jsonpath 0.12.3 (Go).
# Expected: `&&` binds tighter than `||`, as in RFC 9535 (section 2.3.5.1, table 10), in Go and in JavaScript.
# Seen: ojg reads a filter from left to right. "Urgent, or paid and open" leaves out the urgent order that is not open,
# while the same filter with the parts in another order finds it. Explicit parentheses help.
#
# Output:
#> @.urgent == true || @.paid == true && @.open == true    ojg [2], theory/jsonpath [1 2]
#> @.paid == true && @.open == true || @.urgent == true    ojg [1 2], theory/jsonpath [1 2]
#> @.urgent == true || (@.paid == true && @.open == true)  ojg [1 2], theory/jsonpath [1 2]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

go mod init probe 2> /dev/null
go get github.com/theory/jsonpath@v0.12.3 github.com/ohler55/ojg@v1.28.5 2> /dev/null

cat > probe.go <<'PROBE'
package main

import (
	"fmt"

	"github.com/ohler55/ojg/jp"
	"github.com/theory/jsonpath"
)

func main() {
	orders := []any{
		map[string]any{"id": 1, "urgent": true, "paid": false, "open": false},
		map[string]any{"id": 2, "urgent": false, "paid": true, "open": true},
		map[string]any{"id": 3, "urgent": false, "paid": true, "open": false},
	}
	for _, filter := range []string{
		"@.urgent == true || @.paid == true && @.open == true",
		"@.paid == true && @.open == true || @.urgent == true",
		"@.urgent == true || (@.paid == true && @.open == true)",
	} {
		path := "$[?" + filter + "].id"
		fmt.Printf("%-55s ojg %v, theory/jsonpath %v\n", filter, jp.MustParseString(path).Get(orders), jsonpath.MustParse(path).Select(orders))
	}
}
PROBE
go run probe.go | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
