#!/usr/bin/env bash
# URI templates: one library for many languages writes two URLs
#
# Versions: std-uritemplate 2.0.12 (PyPI), @std-uritemplate/std-uritemplate 2.0.12 (npm),
# github.com/std-uritemplate/std-uritemplate/go 2.0.3 (Go).
# Expected: the same URL from each language, for which this library was made. In `{x}` everything but letters, digits and
# `-._~` is percent-encoded (RFC 6570, section 3.2.1 with 1.5).
# Seen: JavaScript leaves `'`, `(`, `)` and `*` as they are, since it calls encodeURIComponent. The paths differ, and with them
# what was signed and the key of each cache.
#
# Output:
#> JavaScript /files/it's%20(a)%20copy%21.txt?q=a*b
#> Python     /files/it%27s%20%28a%29%20copy%21.txt?q=a%2Ab
#> Go         /files/it%27s%20%28a%29%20copy%21.txt?q=a%2Ab <nil>

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore std-uritemplate==2.0.12
npm install --silent --no-audit --no-fund @std-uritemplate/std-uritemplate@2.0.12
go mod init probe 2> /dev/null
go get github.com/std-uritemplate/std-uritemplate/go/v2@v2.0.3 2> /dev/null

cat > probe.mjs <<'PROBE'
import { StdUriTemplate } from "@std-uritemplate/std-uritemplate";

console.log("JavaScript", StdUriTemplate.expand("/files/{name}{?q}", { name: "it's (a) copy!.txt", q: "a*b" }));
PROBE
cat > probe.py <<'PROBE'
from stduritemplate import StdUriTemplate

print("Python    ", StdUriTemplate.expand("/files/{name}{?q}", {"name": "it's (a) copy!.txt", "q": "a*b"}))
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"

	stduritemplate "github.com/std-uritemplate/std-uritemplate/go/v2"
)

func main() {
	url, err := stduritemplate.Expand("/files/{name}{?q}", stduritemplate.Substitutions{"name": "it's (a) copy!.txt", "q": "a*b"})
	fmt.Println("Go        ", url, err)
}
PROBE
go mod tidy 2> /dev/null
{ node probe.mjs; venv/bin/python probe.py; go run probe.go; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
