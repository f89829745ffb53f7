#!/usr/bin/env bash
# JSON Patch in JavaScript: from a list to an object there is no way
#
# Versions: rfc6902 5.4.0, fast-json-patch 3.1.1 (npm), jsonpatch 1.48 (PyPI).
# Expected: a patch that a library made from two documents turns the first into the second. RFC 6902 allows an operation on
# the whole document, with the path "".
# Seen: rfc6902 makes the right patch and then cannot apply it: MissingError. fast-json-patch finds no difference between a
# list and an object with the same keys there, and makes an empty patch, so the other side keeps its list.
#
# Output:
#> [] to {}
#>   rfc6902         makes [{"op":"replace","path":"","value":{}}] and applies it: MissingError
#>   fast-json-patch makes [] and then has []
#> ["a"] to {"0":"a"}
#>   rfc6902         makes [{"op":"replace","path":"","value":{"0":"a"}}] and applies it: MissingError
#>   fast-json-patch makes [] and then has ["a"]
#> ["a"] to {"first":"a"}
#>   rfc6902         makes [{"op":"replace","path":"","value":{"first":"a"}}] and applies it: MissingError
#>   fast-json-patch makes [{"op":"replace","path":"","value":{"first":"a"}}] and then has {"first":"a"}
#>   jsonpatch (Python), of the second pair, then has {"0": "a"}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund rfc6902@5.4.0 fast-json-patch@3.1.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jsonpatch==1.48

cat > probe.mjs <<'PROBE'
import patches from "fast-json-patch";
import { applyPatch, createPatch } from "rfc6902";

for (const [before, after] of [[[], {}], [["a"], { 0: "a" }], [["a"], { first: "a" }]]) {
  console.log(`${JSON.stringify(before)} to ${JSON.stringify(after)}`);
  const patch = createPatch(before, after);
  console.log("  rfc6902         makes", JSON.stringify(patch), "and applies it:", applyPatch(structuredClone(before), patch)[0]?.name ?? "yes");
  const other = patches.compare(before, after);
  const result = patches.applyPatch(structuredClone(before), other).newDocument;
  console.log("  fast-json-patch makes", JSON.stringify(other), "and then has", JSON.stringify(result));
}
PROBE
cat > probe.py <<'PROBE'
import json
import jsonpatch

patch = jsonpatch.make_patch(["a"], {"0": "a"})
print("  jsonpatch (Python), of the second pair, then has", json.dumps(patch.apply(["a"])))
PROBE
{ node probe.mjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
