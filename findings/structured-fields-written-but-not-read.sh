#!/usr/bin/env bash
# HTTP structured fields in JavaScript: a number or a date is written as no parser reads it
#
# Versions: structured-headers 2.1.0, structured-field-values 2.0.4 (npm), http-sf 1.5.0 (PyPI),
# github.com/dunglas/httpsfv 1.1.2 (Go).
# Expected: a decimal has at least one digit after the point (RFC 9651, section 4.1.5), and a date is an integer of seconds
# (section 4.1.10).
# Seen: structured-headers rounds to three digits and cuts the zeros, but not the point, so that 0.9996 is `1.` Of
# measured durations, about one in a thousand fails that way. structured-field-values writes the milliseconds of a Date. The
# parsers refuse the whole field, also those of the library that wrote it.
#
# Output:
#> structured-headers writes 0.30000000000000004 as 0.3 and reads it; Python reads it, Go reads it
#> structured-headers writes 0.9996 as 1. and refuses it; Python refuses it, Go refuses it
#> structured-headers writes 12.0000001 as 12. and refuses it; Python refuses it, Go refuses it
#> structured-headers writes 0.0001 as 0. and refuses it; Python refuses it, Go refuses it
#> structured-field-values writes 2026-11-29T12:47:55.000Z as @1795956475 and reads it; Python reads it, Go reads it
#> structured-field-values writes 2026-11-29T12:47:55.149Z as @1795956475.149 and refuses it; Python refuses it, Go refuses it

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund structured-headers@2.1.0 structured-field-values@2.0.4
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore http-sf==1.5.0
go mod init probe 2> /dev/null
go get github.com/dunglas/httpsfv@v1.1.2 2> /dev/null

cat > probe.mjs <<'PROBE'
import { writeFileSync } from "node:fs";
import { decodeItem, encodeItem } from "structured-field-values";
import { parseItem, serializeItem } from "structured-headers";

const read = (parse) => {
  try {
    parse();
    return "reads it";
  } catch {
    return "refuses it";
  }
};
const fields = [];
for (const value of [0.1 + 0.2, 0.9996, 12.0000001, 0.0001]) {
  const field = serializeItem([value, new Map()]);
  console.log(`structured-headers writes ${value} as ${field} and ${read(() => parseItem(field))};`);
  fields.push(field);
}
for (const value of [new Date(1795956475000), new Date(1795956475149)]) {
  const field = encodeItem(value);
  console.log(`structured-field-values writes ${value.toISOString()} as ${field} and ${read(() => decodeItem(field))};`);
  fields.push(field);
}
writeFileSync("fields", fields.join("\n") + "\n");
PROBE
cat > probe.py <<'PROBE'
import http_sf

for field in open("fields"):
    try:
        http_sf.parse(field.strip().encode(), tltype="item")
        print("Python reads it,")
    except ValueError:
        print("Python refuses it,")
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/dunglas/httpsfv"
)

func main() {
	content, _ := os.ReadFile("fields")
	for _, field := range strings.Fields(string(content)) {
		if _, err := httpsfv.UnmarshalItem([]string{field}); err != nil {
			fmt.Println("Go refuses it")
		} else {
			fmt.Println("Go reads it")
		}
	}
}
PROBE
go mod tidy 2> /dev/null
node probe.mjs > written
paste -d ' ' written <(venv/bin/python probe.py) <(go run probe.go) | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
