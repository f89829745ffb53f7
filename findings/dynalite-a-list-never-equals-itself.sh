#!/usr/bin/env bash
# dynalite: a list or a map is never equal to itself
#
# Versions: dynalite 4.0.0 (npm), moto 5.2.5, boto3 1.44.8 (PyPI).
# Expected: DynamoDB's guide to comparison operators: `a = b` is true if both are equal, and lists and maps are if their
# contents are, at each depth. moto does that.
# Seen: dynalite compares numbers, texts, binaries and sets by value; a list or a map by identity, which no value of a request
# has (only an empty list passes). So a condition such as "the address is still the one that I read" always fails in tests,
# and `<>` always holds.
#
# Output:
#> {"N": "1.50"} = {"N": "1.5"}                      dynalite yes  moto yes
#> {"SS": ["a", "b"]} = {"SS": ["b", "a"]}           dynalite yes  moto yes
#> {"L": [{"S": "a"}]} = {"L": [{"S": "a"}]}         dynalite no   moto yes
#> {"M": {"k": {"S": "a"}}} = {"M": {"k": {"S": "a"}}} dynalite no   moto yes
#> {"M": {"k": {"S": "a"}}} = {"M": {"k": {"S": "b"}}} dynalite no   moto no

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund dynalite@4.0.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  'moto[dynamodb]==5.2.5' boto3==1.44.8

cat > server.cjs <<'PROBE'
const server = require("dynalite")({ createTableMs: 0 });
server.listen(0, "127.0.0.1", () => require("fs").writeFileSync("port", `${server.address().port}\n`));
PROBE
node server.cjs &
server=$!
for _ in $(seq 200); do if [ -s port ]; then break; fi; sleep 0.1; done

cat > probe.py <<'PROBE'
import json
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")
import boto3
from moto import mock_aws


CASES = [
    ({"N": "1.50"}, {"N": "1.5"}),
    ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
    ({"L": [{"S": "a"}]}, {"L": [{"S": "a"}]}),
    ({"M": {"k": {"S": "a"}}}, {"M": {"k": {"S": "a"}}}),
    ({"M": {"k": {"S": "a"}}}, {"M": {"k": {"S": "b"}}}),
]


def run(client):
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    client.create_table(TableName="orders", KeySchema=schema, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    client.get_waiter("table_exists").wait(TableName="orders", WaiterConfig={"Delay": 1})
    for stored, other in CASES:
        item = {"id": {"S": "7"}, "part": stored}
        client.put_item(TableName="orders", Item=item)
        values = {":part": other}
        comparison = f"{json.dumps(stored)} = {json.dumps(other)}"
        try:
            client.put_item(
                TableName="orders", Item=item, ConditionExpression="part = :part", ExpressionAttributeValues=values
            )
            yield comparison, "yes"
        except client.exceptions.ConditionalCheckFailedException:
            yield comparison, "no"


dynalite = dict(run(boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}")))
with mock_aws():
    moto = dict(run(boto3.client("dynamodb")))
for comparison, equal in dynalite.items():
    print(f"{comparison:49} dynalite {equal:4} moto {moto[comparison]}")
PROBE
venv/bin/python probe.py "$(cat port)" | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
