#!/usr/bin/env bash
# CloudEvents 2 for Python writes `False` and bare words as JSON; its own version 1 API does not
#
# Version: cloudevents 2.2.0 (PyPI), both of its APIs.
# Expected: a binary event with `datacontenttype: application/json` has a JSON body, as the version 1 API writes it.
# Seen: the new API (`cloudevents.core`) writes Python's `str()` of scalars. `False` becomes the body `False`, a string has
# no quotes, and it reads both back without an error: `False` as the text 'False', which is true in Python, and '7' as a
# number. Any JSON parser refuses the first two bodies. Whoever moves from `cloudevents.v1` to the new API changes the wire.
#
# Output:
#> False      new b'False' -> 'False' | v1 b'false' -> False | new body is no JSON
#> 'shipped'  new b'shipped' -> 'shipped' | v1 b'"shipped"' -> 'shipped' | new body is no JSON
#> '7'        new b'7' -> 7 | v1 b'"7"' -> '7' | new body is JSON
#> {'ok': False} new b'{"ok": false}' -> {'ok': False} | v1 b'{"ok": false}' -> {'ok': False} | new body is JSON

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore cloudevents==2.2.0

cat > probe.py <<'PROBE'
import json
import warnings
from cloudevents.core.bindings.http import from_binary_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary
from cloudevents.v1.http import CloudEvent as OldEvent
from cloudevents.v1.http import from_http

warnings.simplefilter("ignore")
ATTRIBUTES = {"id": "1", "source": "/shop", "type": "t", "specversion": "1.0", "datacontenttype": "application/json"}


def is_json(body):
    try:
        json.loads(body)
    except ValueError:
        return "no JSON"
    return "JSON"


for data in (False, "shipped", "7", {"ok": False}):
    new = to_binary_event(CloudEvent(attributes=dict(ATTRIBUTES), data=data))
    headers, old = to_binary(OldEvent(dict(ATTRIBUTES), data), json.dumps)
    old = old.encode() if isinstance(old, str) else old
    print(
        f"{data!r:10} new {new.body!r} -> {from_binary_event(new).get_data()!r}"
        f" | v1 {old!r} -> {from_http(headers, old).data!r} | new body is {is_json(new.body)}"
    )
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
