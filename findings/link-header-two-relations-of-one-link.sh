#!/usr/bin/env bash
# Link headers: a link that is the next and the last page is neither
#
# Versions: requests 2.34.2, httpx 0.28.1 (PyPI), github.com/peterhellberg/link 1.2.0 (Go), http-link-header 1.1.4,
# parse-link-header 2.0.0 (npm).
# Expected: `rel="next last"` is two relations (RFC 8288, section 3.3), and the names of parameters may be in capitals (section 3).
# Seen: Python and Go have one relation with the name `next last`, so that a loop over `links["next"]` ends one page too early,
# and only where there are two pages. In JavaScript it is two. For `REL=next`, Python makes the URL the name of the relation,
# and two others find no link.
#
# Output:
#> http-link-header  </orders?page=2>; rel="next last" has ["next","last"]
#> parse-link-header </orders?page=2>; rel="next last" has ["next","last"]
#> http-link-header  </orders?page=2>; REL=next has ["next"]
#> parse-link-header </orders?page=2>; REL=next has []
#> requests          </orders?page=2>; rel="next last" has ["next last"]
#> httpx             </orders?page=2>; rel="next last" has ["next last"]
#> requests          </orders?page=2>; REL=next has ["/orders?page=2"]
#> httpx             </orders?page=2>; REL=next has ["/orders?page=2"]
#> peterhellberg     </orders?page=2>; rel="next last" has ["next last"]
#> peterhellberg     </orders?page=2>; REL=next has []

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore requests==2.34.2 httpx==0.28.1
npm install --silent --no-audit --no-fund parse-link-header@2.0.0 http-link-header@1.1.4
go mod init probe 2> /dev/null
go get github.com/peterhellberg/link@v1.2.0 2> /dev/null

printf '%s\n' '</orders?page=2>; rel="next last"' '</orders?page=2>; REL=next' > headers
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import LinkHeader from "http-link-header";
import parse from "parse-link-header";

for (const header of readFileSync("headers", "utf8").trim().split("\n")) {
  console.log("http-link-header ", header, "has", JSON.stringify(LinkHeader.parse(header).refs.map(({ rel }) => rel)));
  console.log("parse-link-header", header, "has", JSON.stringify(Object.keys(parse(header))));
}
PROBE
cat > probe.py <<'PROBE'
import json
import httpx
import requests

for header in open("headers").read().splitlines():
    response = requests.Response()
    response.headers["link"] = header
    print("requests         ", header, "has", json.dumps(list(response.links)))
    print("httpx            ", header, "has", json.dumps(list(httpx.Response(200, headers={"link": header}).links)))
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/peterhellberg/link"
)

func main() {
	content, _ := os.ReadFile("headers")
	for _, header := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		names := []string{}
		for name := range link.Parse(header) {
			names = append(names, name)
		}
		text, _ := json.Marshal(names)
		fmt.Println("peterhellberg    ", header, "has", string(text))
	}
}
PROBE
go mod tidy 2> /dev/null
{ node probe.mjs; venv/bin/python probe.py; go run probe.go; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
