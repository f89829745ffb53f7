#!/usr/bin/env bash
# URI templates in Go: letters are percent-encoded as code points, not as UTF-8
#
# Versions: github.com/yosida95/uritemplate 3.0.2 (Go), uritemplate 4.2.0 (PyPI), url-template 3.1.1 (npm).
# Expected: a letter outside of ASCII is encoded as UTF-8, and then each byte as `%XX` (RFC 6570, section 1.6). `{name:2}` is
# the first two characters (section 2.4.1: characters, not octets).
# Seen: Go writes the bytes of the code point: `ü` is `%FC`, and U+65E5 is `%65%E5`, whose first half is an `e`. That is no
# UTF-8, so that other servers find another name or none. A prefix is counted in bytes: `{name:3}` is two letters, and a cut
# inside of a letter is an error.
#
# Output:
#> {name} of "\u00fcbung": Go "%FCbung", Python %C3%BCbung, JavaScript %C3%BCbung
#> {name:1} of "\u00fcbung": Go "uritemplate:0:invalid encoding", Python %C3%BC, JavaScript %C3%BC
#> {name:2} of "\u00fcbung": Go "%FC", Python %C3%BCb, JavaScript %C3%BCb
#> {name:3} of "\u00fcbung": Go "%FCb", Python %C3%BCbu, JavaScript %C3%BCbu
#> {name} of "\u65e5": Go "%65%E5", Python %E6%97%A5, JavaScript %E6%97%A5

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

go mod init probe 2> /dev/null
go get github.com/yosida95/uritemplate/v3@v3.0.2 2> /dev/null
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore uritemplate==4.2.0
npm install --silent --no-audit --no-fund url-template@3.1.1

cat > cases.json <<'PROBE'
[["{name}", "übung"], ["{name:1}", "übung"], ["{name:2}", "übung"], ["{name:3}", "übung"], ["{name}", "\u65e5"]]
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/yosida95/uritemplate/v3"
)

func main() {
	content, _ := os.ReadFile("cases.json")
	var cases [][]string
	json.Unmarshal(content, &cases)
	for _, one := range cases {
		result, err := uritemplate.MustNew(one[0]).Expand(uritemplate.Values{"name": uritemplate.String(one[1])})
		if err != nil {
			result = err.Error()
		}
		fmt.Printf("%s of %+q: Go %q,\n", one[0], one[1], result)
	}
}
PROBE
cat > probe.py <<'PROBE'
import json
import uritemplate

for template, name in json.load(open("cases.json")):
    print(f"Python {uritemplate.expand(template, name=name)},")
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import { parseTemplate } from "url-template";

for (const [template, name] of JSON.parse(readFileSync("cases.json", "utf8"))) console.log("JavaScript", parseTemplate(template).expand({ name }));
PROBE
go mod tidy 2> /dev/null
paste -d ' ' <(go run probe.go) <(venv/bin/python probe.py) <(node probe.mjs) | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
