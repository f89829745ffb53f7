#!/usr/bin/env bash
# URI templates in Python: offset=0 becomes offset=
#
# Versions: uritemplate 4.2.0, std-uritemplate 2.0.12 (PyPI), url-template 3.1.1 (npm).
# Expected: a variable with the value 0 expands to `0`. Only a variable without a value, or with null, is left out (RFC 6570,
# sections 2.3 and 3.2).
# Seen: in a query (`{?x}` and `{&x}`) uritemplate writes 0 and False as nothing after the `=`, and in a parameter of the path
# (`{;x}`) without the `=`. In a path, in a list and as text the same 0 is written. So the first page of a paged API, the only
# one whose offset is 0, is asked for in another way than all others, and a flag that is False is an empty text.
#
# Output:
#> /orders{?offset,limit} {"offset": 0, "limit": 10}: uritemplate /orders?offset=&limit=10, std-uritemplate /orders?offset=0&limit=10, url-template /orders?offset=0&limit=10
#> /orders?a=b{&offset} {"offset": 0}: uritemplate /orders?a=b&offset=, std-uritemplate /orders?a=b&offset=0, url-template /orders?a=b&offset=0
#> /orders{;offset} {"offset": 0}: uritemplate /orders;offset, std-uritemplate /orders;offset=0, url-template /orders;offset=0
#> /orders{?offset} {"offset": [0]}: uritemplate /orders?offset=0, std-uritemplate /orders?offset=0, url-template /orders?offset=0
#> /orders{?offset} {"offset": "0"}: uritemplate /orders?offset=0, std-uritemplate /orders?offset=0, url-template /orders?offset=0
#> /orders/{offset} {"offset": 0}: uritemplate /orders/0, std-uritemplate /orders/0, url-template /orders/0

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore uritemplate==4.2.0 std-uritemplate==2.0.12
npm install --silent --no-audit --no-fund url-template@3.1.1

cat > cases.json <<'PROBE'
[
  ["/orders{?offset,limit}", {"offset": 0, "limit": 10}],
  ["/orders?a=b{&offset}", {"offset": 0}],
  ["/orders{;offset}", {"offset": 0}],
  ["/orders{?offset}", {"offset": [0]}],
  ["/orders{?offset}", {"offset": "0"}],
  ["/orders/{offset}", {"offset": 0}]
]
PROBE
cat > probe.py <<'PROBE'
import json
import uritemplate
from stduritemplate import StdUriTemplate

for template, values in json.load(open("cases.json")):
    print(template, json.dumps(values), uritemplate.expand(template, values), StdUriTemplate.expand(template, values))
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import { parseTemplate } from "url-template";

for (const [template, values] of JSON.parse(readFileSync("cases.json", "utf8"))) console.log(parseTemplate(template).expand(values));
PROBE
paste -d ' ' <(venv/bin/python probe.py) <(node probe.mjs) | sed 's/ \([^ ]*\) \([^ ]*\) \([^ ]*\)$/: uritemplate \1, std-uritemplate \2, url-template \3/' | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
