#!/usr/bin/env bash
# A schema that declares JSON Schema 2020-12 is compiled as draft 7, and half of it is not checked
#
# Version: fastjsonschema 2.22.3 (PyPI), beside jsonschema 4.26.0 (PyPI).
# Expected: `$schema` names the dialect, and an implementation that does not know it refuses the schema or says so; the
# specification asks for that.
# Seen: it compiles without a word. Keywords that came after draft 7 are skipped, so that invalid documents pass, and
# `minContains: 0`, which allows an empty list, is skipped too, so that a valid document fails.
#
# Output:
#> prefixItems           [1]       jsonschema: invalid  fastjsonschema: valid
#> dependentRequired     {"a": 1}  jsonschema: invalid  fastjsonschema: valid
#> unevaluatedProperties {"b": 1}  jsonschema: invalid  fastjsonschema: valid
#> minContains           []        jsonschema: valid    fastjsonschema: invalid

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install fastjsonschema==2.22.3 jsonschema==4.26.0

cat > probe.py <<'PROBE'
import json

import fastjsonschema
import jsonschema

CASES = {
    "prefixItems": ({"prefixItems": [{"type": "string"}]}, [1]),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
    "unevaluatedProperties": ({"properties": {"a": True}, "unevaluatedProperties": False}, {"b": 1}),
    "minContains": ({"contains": {"const": 1}, "minContains": 0}, []),
}

for name, (keywords, document) in CASES.items():
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **keywords}
    known = jsonschema.validators.validator_for(schema)(schema).is_valid(document)
    try:
        fastjsonschema.compile(schema)(document)
        fast = True
    except fastjsonschema.JsonSchemaValueException:
        fast = False
    words = ["valid" if each else "invalid" for each in (known, fast)]
    print(f"{name:21} {json.dumps(document):9} jsonschema: {words[0]:8} fastjsonschema: {words[1]}")
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
