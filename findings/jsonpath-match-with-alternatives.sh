#!/usr/bin/env bash
# JSONPath's match(): with alternatives it matches more than the whole string
#
# Versions: jsonpath-rfc9535 1.3.0, json-p3 2.3.1 (npm), github.com/theory/jsonpath 0.12.3, github.com/ohler55/ojg 1.28.5
# (Go).
# Expected: RFC 9535, section 2.4.6: `match` is true if the entire string matches the expression; `search` is for a part.
# Seen: three of four put an anchor before and after the expression and no group around it. `paid|open` then means "begins
# with paid, or ends with open". A filter for two states lets `paid_late` and `reopen` through.
#
# Output:
#> $[?match(@, 'paid')]
#>   jsonpath-rfc9535 paid
#>   json-p3          paid
#> $[?match(@, 'paid|open')]
#>   jsonpath-rfc9535 paid open paid_late reopen
#>   json-p3          paid open
#> $[?match(@, 'paid')]
#>   theory/jsonpath  [paid]
#>   ojg              [paid]
#> $[?match(@, 'paid|open')]
#>   theory/jsonpath  [paid open paid_late reopen]
#>   ojg              [paid open paid_late reopen]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jsonpath-rfc9535@1.3.0 json-p3@2.3.1
go mod init probe 2> /dev/null
go get github.com/theory/jsonpath@v0.12.3 github.com/ohler55/ojg@v1.28.5 2> /dev/null

cat > probe.mjs <<'PROBE'
import { query } from "jsonpath-rfc9535";
import { jsonpath } from "json-p3";

const states = ["paid", "open", "paid_late", "reopen", "unpaid"];
for (const path of ["$[?match(@, 'paid')]", "$[?match(@, 'paid|open')]"]) {
  console.log(path);
  console.log("  jsonpath-rfc9535", ...query(states, path));
  console.log("  json-p3         ", ...jsonpath.query(path, states).values());
}
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"

	"github.com/ohler55/ojg/jp"
	"github.com/theory/jsonpath"
)

func main() {
	states := []any{"paid", "open", "paid_late", "reopen", "unpaid"}
	for _, path := range []string{"$[?match(@, 'paid')]", "$[?match(@, 'paid|open')]"} {
		fmt.Println(path)
		fmt.Println("  theory/jsonpath ", jsonpath.MustParse(path).Select(states))
		fmt.Println("  ojg             ", jp.MustParseString(path).Get(states))
	}
}
PROBE
{ node probe.mjs; go run probe.go; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
