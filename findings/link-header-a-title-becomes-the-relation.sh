#!/usr/bin/env bash
# Link headers: words of a title are taken for the relation
#
# Versions: requests 2.34.2, httpx 0.28.1 (PyPI), parse-link-header 2.0.0, http-link-header 1.1.4 (npm).
# Expected: what is between quotes is one value (RFC 8288, section 3 and appendix B.3), and of several `rel` the first counts
# (section 3.3).
# Seen: three of the four split at each semicolon, also inside of quotes. A title that mentions a relation replaces the real one.
# A loop over the next pages ends, and the next page is taken for the last one.
#
# Output:
#> </orders?page=2>; rel="next"; title="Orders; rel=last"
#> http-link-header  [{"uri":"/orders?page=2","rel":"next","title":"Orders; rel=last"}]
#> parse-link-header {"last":{"page":"2","rel":"last","title":"Orders","url":"/orders?page=2"}}
#> requests          {"last": {"url": "/orders?page=2", "rel": "last", "title": "Orders"}}
#> httpx             {"last": {"url": "/orders?page=2", "rel": "last", "title": "Orders"}}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore requests==2.34.2 httpx==0.28.1
npm install --silent --no-audit --no-fund parse-link-header@2.0.0 http-link-header@1.1.4

printf '%s' '</orders?page=2>; rel="next"; title="Orders; rel=last"' > header
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import LinkHeader from "http-link-header";
import parse from "parse-link-header";

const header = readFileSync("header", "utf8");
console.log(header);
console.log("http-link-header ", JSON.stringify(LinkHeader.parse(header).refs));
console.log("parse-link-header", JSON.stringify(parse(header)));
PROBE
cat > probe.py <<'PROBE'
import json
import httpx
import requests

header = open("header").read()
response = requests.Response()
response.headers["link"] = header
print("requests         ", json.dumps(response.links))
print("httpx            ", json.dumps(httpx.Response(200, headers={"link": header}).links))
PROBE
{ node probe.mjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
