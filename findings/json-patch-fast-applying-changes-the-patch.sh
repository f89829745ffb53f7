#!/usr/bin/env bash
# fast-json-patch: applying a patch changes the patch
#
# Versions: fast-json-patch 3.1.1, rfc6902 5.4.0 (npm).
# Expected: a patch is a list of instructions; the document is what changes. A server applies a patch to its state and sends
# the same patch to the browsers, which then have the same state.
# Seen: the library puts the patch's own objects into the document, and a later operation of the patch changes them there.
# After the server has applied it, the patch holds the tag that it goes on to add, and each browser that receives it has the
# tag twice. rfc6902 copies the values.
#
# Output:
#> fast-json-patch: server {"tags":["new"]}, sent [{"op":"add","path":"/tags","value":["new"]},{"op":"add","path":"/tags/-","value":"new"}], browser {"tags":["new","new"]}
#> rfc6902: server {"tags":["new"]}, sent [{"op":"add","path":"/tags","value":[]},{"op":"add","path":"/tags/-","value":"new"}], browser {"tags":["new"]}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund fast-json-patch@3.1.1 rfc6902@5.4.0

cat > probe.mjs <<'PROBE'
import patches from "fast-json-patch";
import { applyPatch } from "rfc6902";

for (const [name, apply] of [["fast-json-patch", (...both) => patches.applyPatch(...both)], ["rfc6902", applyPatch]]) {
  const patch = [{ op: "add", path: "/tags", value: [] }, { op: "add", path: "/tags/-", value: "new" }];
  const server = {};
  const browser = {};
  apply(server, patch);
  const sent = JSON.stringify(patch);
  apply(browser, JSON.parse(sent));
  console.log(`${name}: server ${JSON.stringify(server)}, sent ${sent}, browser ${JSON.stringify(browser)}`);
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
