#!/usr/bin/env bash
# Mustache in Python: chevron leaves out the elements of a list that are 0, empty or false
#
# Versions: chevron 0.14.0, pystache 0.6.8 (PyPI), mustache 4.2.0 (npm).
# Expected: a section over a list is rendered once for each of its elements (manual of Mustache, "Non-Empty Lists"), whatever
# these are.
# Seen: chevron renders nothing for 0, an empty text, false, and an object without members. A row of figures has a gap, and
# the columns after it move to the left.
#
# Output:
#> {{#n}}{{.}},{{/n}} of {"n":[1,0,2]}: mustache.js "1,0,2,", pystache "1,0,2,", chevron "1,2,"
#> {{#n}}{{.}};{{/n}} of {"n":["a","","b"]}: mustache.js "a;;b;", pystache "a;;b;", chevron "a;b;"
#> {{#n}}day {{/n}} of {"n":[false,true]}: mustache.js "day day ", pystache "day day ", chevron "day "
#> {{#n}}{{id}}{{^id}}?{{/id}} {{/n}} of {"n":[{"id":7},{}]}: mustache.js "7 ? ", pystache "7 ? ", chevron "7 "

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund mustache@4.2.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore chevron==0.14.0 pystache==0.6.8

cat > probe.mjs <<'PROBE'
import mustache from "mustache";

const cases = [
  ["{{#n}}{{.}},{{/n}}", [1, 0, 2]],
  ["{{#n}}{{.}};{{/n}}", ["a", "", "b"]],
  ["{{#n}}day {{/n}}", [false, true]],
  ["{{#n}}{{id}}{{^id}}?{{/id}} {{/n}}", [{ id: 7 }, {}]],
];
for (const [template, n] of cases)
  console.log(JSON.stringify([template, { n }, mustache.render(template, { n })]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys
from functools import partial

import chevron
import pystache

text = partial(json.dumps, separators=(",", ":"))
for template, data, javascript in map(json.loads, sys.stdin):
    seen = {
        "mustache.js": javascript,
        "pystache": pystache.render(template, data),
        "chevron": chevron.render(template, data),
    }
    print(f"{template} of {text(data)}: {', '.join(f'{name} {text(rendered)}' for name, rendered in seen.items())}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
