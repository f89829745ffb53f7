#!/usr/bin/env bash
# Link headers: a semicolon or a comma in the URL cuts it off
#
# Versions: requests 2.34.2, httpx 0.28.1 (PyPI), github.com/peterhellberg/link 1.2.0,
# github.com/tomnomnom/linkheader 0.0.0-20250811210735-e5fe3b51442e (Go), http-link-header 1.1.4 (npm).
# Expected: everything between `<` and `>` is the URL (RFC 8288, section 3). It may contain `;` and `,` (RFC 3986, section 2.2).
# Seen: the Python libraries end the URL at the semicolon, so that the second page is asked for without its parameter. In Go,
# one drops the comma, and `ids=1,2` becomes `ids=12`. The other finds no link in either, so that the first page is the last.
#
# Output:
#> <https://shop.example/orders?page=2;open=1>; rel="next"
#>   http-link-header https://shop.example/orders?page=2;open=1
#>   requests         https://shop.example/orders?page=2
#>   httpx            https://shop.example/orders?page=2
#>   peterhellberg    https://shop.example/orders?page=2;open=1
#>   tomnomnom        
#> <https://shop.example/orders?ids=1,2&page=2>; rel="next"
#>   http-link-header https://shop.example/orders?ids=1,2&page=2
#>   requests         https://shop.example/orders?ids=1,2&page=2
#>   httpx            https://shop.example/orders?ids=1,2&page=2
#>   peterhellberg    https://shop.example/orders?ids=12&page=2
#>   tomnomnom        
#> <https://shop.example/orders?page=2>; rel="next"
#>   http-link-header https://shop.example/orders?page=2
#>   requests         https://shop.example/orders?page=2
#>   httpx            https://shop.example/orders?page=2
#>   peterhellberg    https://shop.example/orders?page=2
#>   tomnomnom        <https://shop.example/orders?page=2>; rel="next"

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore requests==2.34.2 httpx==0.28.1
npm install --silent --no-audit --no-fund http-link-header@1.1.4
go mod init probe 2> /dev/null
go get github.com/peterhellberg/link@v1.2.0 github.com/tomnomnom/linkheader@v0.0.0-20250811210735-e5fe3b51442e 2> /dev/null

cat > headers <<'PROBE'
<https://shop.example/orders?page=2;open=1>; rel="next"
<https://shop.example/orders?ids=1,2&page=2>; rel="next"
<https://shop.example/orders?page=2>; rel="next"
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import LinkHeader from "http-link-header";

for (const header of readFileSync("headers", "utf8").trim().split("\n")) console.log(`${header}\n  http-link-header ${LinkHeader.parse(header).refs[0].uri}`);
PROBE
cat > probe.py <<'PROBE'
import httpx
import requests

for header in open("headers").read().splitlines():
    response = requests.Response()
    response.headers["link"] = header
    print("  requests        ", response.links["next"]["url"])
    print("  httpx           ", httpx.Response(200, headers={"link": header}).links["next"]["url"])
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/peterhellberg/link"
	"github.com/tomnomnom/linkheader"
)

func main() {
	content, _ := os.ReadFile("headers")
	for _, header := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		fmt.Println("  peterhellberg   ", link.Parse(header)["next"])
		fmt.Println("  tomnomnom       ", linkheader.Parse(header).FilterByRel("next"))
	}
}
PROBE
go mod tidy 2> /dev/null
node probe.mjs > first
venv/bin/python probe.py > second
go run probe.go > third
for line in 1 3 5; do
  for part in first second third; do
    sed -n "$line,$((line + 1))p" "$part"
  done
done | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
