#!/usr/bin/env bash
# Canonical JSON in JavaScript: what comes from `toJSON` is not sorted
#
# Versions: json-canonicalize 3.0.1, canonicalize 4.0.0 (npm), rfc8785 0.1.4 (PyPI).
# Expected: the canonical form of RFC 8785 has the properties of every object in order (3.2.3), so that all who sign or hash the
# same JSON have the same bytes.
# Seen: json-canonicalize writes what an object's `toJSON` returns in the order in which it is. A Buffer is the best known
# object with one. A receiver parses the text and makes its canonical form for the signature: it is another one.
#
# Output:
#> json-canonicalize: {"body":{"type":"Buffer","data":[104,105]}}
#> json-canonicalize, parsed and again: {"body":{"data":[104,105],"type":"Buffer"}}
#> canonicalize: {"body":{"data":[104,105],"type":"Buffer"}}
#> canonicalize, parsed and again: {"body":{"data":[104,105],"type":"Buffer"}}
#> rfc8785 in Python: {"body":{"data":[104,105],"type":"Buffer"}}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund json-canonicalize@3.0.1 canonicalize@4.0.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore rfc8785==0.1.4

cat > probe.mjs <<'PROBE'
import canonicalize from "canonicalize";
import { canonicalize as jsonCanonicalize } from "json-canonicalize";

const message = { body: Buffer.from("hi") };
for (const [name, write] of [["json-canonicalize", jsonCanonicalize], ["canonicalize", canonicalize]]) {
  console.log(`${name}: ${write(message)}`);
  console.log(`${name}, parsed and again: ${write(JSON.parse(write(message)))}`);
}
PROBE
cat > probe.py <<'PROBE'
import rfc8785

print("rfc8785 in Python:", rfc8785.dumps({"body": {"type": "Buffer", "data": [104, 105]}}).decode())
PROBE
{ node probe.mjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
