#!/usr/bin/env bash
# JMESPath's to_number: Python, JavaScript and Go disagree about what a number is
#
# Versions: jmespath 1.1.0 (PyPI), jmespath 0.16.0 (npm), github.com/jmespath/go-jmespath 0.4.0.
# Expected: the specification has `to_number` give a number for a string that is one as JSON writes it, and null for any other.
# Seen: each library hands the string to its language. An empty string is 0 in JavaScript and null elsewhere. `0x10` is 16 in
# JavaScript. `1_000` is a number in Python and Go, and ` 12 ` in Python and JavaScript. `NaN` gives Python a value that is no
# JSON; in Go it gives one that encoding/json refuses, so the result of a search cannot be sent on.
#
# Output:
#> "12"   python 12, javascript 12, go 12
#> ""     python null, javascript 0, go null
#> "0x10" python null, javascript 16, go null
#> "1_000" python 1000, javascript null, go 1000
#> " 12 " python 12, javascript 12, go null
#> "NaN"  python NaN, javascript null, go json: unsupported value: NaN

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jmespath@0.16.0

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jmespath==1.1.0

cat > cases.json <<'PROBE'
["12", "", "0x10", "1_000", " 12 ", "NaN"]
PROBE
cat > probe.py <<'PROBE'
import json
import jmespath

print(*(json.dumps(jmespath.search("to_number(@)", text)) for text in json.load(open("cases.json"))), sep="\n")
PROBE
cat > probe.cjs <<'PROBE'
const { search } = require("jmespath");
for (const text of require("./cases.json")) console.log(JSON.stringify(search(text, "to_number(@)")));
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/jmespath/go-jmespath"
)

func main() {
	content, _ := os.ReadFile("cases.json")
	var texts []string
	json.Unmarshal(content, &texts)
	for _, text := range texts {
		result, _ := jmespath.Search("to_number(@)", text)
		if encoded, err := json.Marshal(result); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println(string(encoded))
		}
	}
}
PROBE
go mod init probe 2> /dev/null
go get github.com/jmespath/go-jmespath@v0.4.0 2> /dev/null

paste <(sed 's/^\[//; s/\]$//' cases.json | tr , '\n' | sed 's/^ "/"/') \
  <(venv/bin/python probe.py) <(node probe.cjs) <(go run probe.go) |
  awk -F '\t' '{ printf "%-6s python %s, javascript %s, go %s\n", $1, $2, $3, $4 }' | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
