#!/usr/bin/env bash
# URI templates in JavaScript: an id that is a BigInt is no part of the URL
#
# Versions: url-template 3.1.1, uri-template 2.0.0, uri-templates 0.2.0 (npm).
# Expected: a BigInt, as a database or a JSON parser gives a large id, is expanded like the number or refused. An empty list
# counts as undefined, so that its variable is left out (RFC 6570, section 2.3).
# Seen: url-template takes a value that is no string, number or boolean for nothing, without an error. `/orders/{id}` is the URL
# of the collection, so that a DELETE of one order goes to all of them. The other two write the number. An empty list, on the
# other hand, leaves a `tag=` behind, which a server reads as the tag "".
#
# Output:
#> /orders/{id} { id: 42 } url-template /orders/42 uri-template /orders/42 uri-templates /orders/42
#> /orders/{id} { id: 42n } url-template /orders/ uri-template /orders/42 uri-templates /orders/42
#> /orders{/id} { id: 42n } url-template /orders uri-template /orders/42 uri-templates /orders/42
#> /orders{?id} { id: 42n } url-template /orders?id= uri-template /orders?id=42 uri-templates /orders?id=42
#> /orders{?tag} { tag: [] } url-template /orders?tag= uri-template /orders uri-templates /orders

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund url-template@3.1.1 uri-template@2.0.0 uri-templates@0.2.0

cat > probe.mjs <<'PROBE'
import { parse } from "uri-template";
import uriTemplates from "uri-templates";
import { parseTemplate } from "url-template";

for (const [template, values] of [
  ["/orders/{id}", { id: 42 }],
  ["/orders/{id}", { id: 42n }],
  ["/orders{/id}", { id: 42n }],
  ["/orders{?id}", { id: 42n }],
  ["/orders{?tag}", { tag: [] }],
]) {
  const results = [parseTemplate(template).expand(values), parse(template).expand(values), uriTemplates(template).fill(values)];
  console.log(template, values, `url-template ${results[0]} uri-template ${results[1]} uri-templates ${results[2]}`);
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
