#!/usr/bin/env bash
# JSONPath in Python: a filter for a large id finds nothing, or the event next to it
#
# Versions: python-jsonpath 2.2.2, jsonpath-ng 1.16.0 (PyPI).
# Expected: integers are exact in Python, from `json.loads` to a comparison. A filter that names an id selects the event
# with this id.
# Seen: python-jsonpath reads each number of a filter as a float. Above 2^53 most ids are not found at all, and some queries
# select the event with another id. An id in the style of Snowflake or a time in nanoseconds is that large. jsonpath-ng is
# exact.
#
# Output:
#> $[?@.id == 9007199254740991] python-jsonpath [9007199254740991] jsonpath-ng [9007199254740991]
#> $[?@.id == 9007199254740992] python-jsonpath [9007199254740992] jsonpath-ng [9007199254740992]
#> $[?@.id == 9007199254740993] python-jsonpath [9007199254740992] jsonpath-ng [9007199254740993]
#> $[?@.id == 1795956475149123456] python-jsonpath [] jsonpath-ng [1795956475149123456]
#> $[?@.id == 1795956475149123457] python-jsonpath [] jsonpath-ng [1795956475149123457]
#> $[?@.id == 1795956475149123458] python-jsonpath [] jsonpath-ng [1795956475149123458]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore python-jsonpath==2.2.2 jsonpath-ng==1.16.0

cat > probe.py <<'PROBE'
import jsonpath
from jsonpath_ng.ext import parse

for first in 9007199254740991, 1795956475149123456:
    events = [{"id": first + offset} for offset in range(3)]
    for event in events:
        path = f"$[?@.id == {event['id']}]"
        found = [one["id"] for one in jsonpath.findall(path, events)]
        exact = [match.value["id"] for match in parse(path).find(events)]
        print(path, "python-jsonpath", found, "jsonpath-ng", exact)
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
