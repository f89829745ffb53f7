#!/usr/bin/env bash
# dynamodb-json: a map with an attribute called S becomes that attribute's value
#
# Versions: dynamodb-json 1.4.2, boto3 1.44.8 (PyPI).
# Expected: in DynamoDB's JSON the letters S, N or M are types only where a value is expected; a map may have attributes of
# these names, say the stock of a shop by size. What the library writes, it reads back.
# Seen: it takes each object that has the key S for a typed text, whatever stands around it. So a map of the sizes S, M and XL
# is the text "3", and the rest is gone. boto3's own deserializer keeps the map.
#
# Output:
#> written           {"stock": {"M": {"S": {"N": "3"}, "M": {"N": "5"}, "XL": {"N": "7"}}}}
#> dynamodb-json     {'stock': '3'}
#> boto3             {'stock': {'S': 3, 'M': 5, 'XL': 7}}
#> written           {"answers": {"M": {"N": {"N": "12"}, "Y": {"N": "30"}}}}
#> dynamodb-json     {'answers': {'N': 12, 'Y': 30}}
#> boto3             {'answers': {'N': 12, 'Y': 30}}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  dynamodb-json==1.4.2 boto3==1.44.8

cat > probe.py <<'PROBE'
import json
from boto3.dynamodb.types import TypeDeserializer
from dynamodb_json import json_util

for item in {"stock": {"S": 3, "M": 5, "XL": 7}}, {"answers": {"N": 12, "Y": 30}}:
    text = json_util.dumps(item)
    print("written          ", text)
    print("dynamodb-json    ", json_util.loads(text))
    values = TypeDeserializer().deserialize({"M": json.loads(text)})
    print("boto3            ", {name: {key: int(value) for key, value in entry.items()} for name, entry in values.items()})
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
