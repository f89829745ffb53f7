#!/usr/bin/env bash
# dynalite: `REMOVE l[0], l[1]` removes the first and the third element
#
# Versions: dynalite 4.0.0 (npm), moto 5.2.5, boto3 1.44.8 (PyPI).
# Expected: DynamoDB's guide, "Removing elements from a list", removes the elements 1 and 2 of one list in one expression, and
# the second and third one are gone: all indexes are those of the item before the update. moto does the same.
# Seen: dynalite removes one after the other, and the elements behind move up in between. The result depends on the order in
# the expression: with the larger index first it is right. So a test passes with code that removes other entries in AWS.
#
# Output:
#> REMOVE l[0], l[1]        dynalite b d e  moto c d e
#> REMOVE l[1], l[0]        dynalite c d e  moto c d e
#> REMOVE l[1], l[2], l[4]  dynalite a c e  moto a d

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
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")
import boto3
from moto import mock_aws


def run(client):
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    client.create_table(TableName="orders", KeySchema=schema, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    client.get_waiter("table_exists").wait(TableName="orders", WaiterConfig={"Delay": 1})
    for expression in "REMOVE l[0], l[1]", "REMOVE l[1], l[0]", "REMOVE l[1], l[2], l[4]":
        client.put_item(TableName="orders", Item={"id": {"S": "7"}, "l": {"L": [{"S": letter} for letter in "abcde"]}})
        key = {"id": {"S": "7"}}
        updated = client.update_item(TableName="orders", Key=key, UpdateExpression=expression, ReturnValues="ALL_NEW")
        yield expression, " ".join(element["S"] for element in updated["Attributes"]["l"]["L"])


dynalite = dict(run(boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}")))
with mock_aws():
    moto = dict(run(boto3.client("dynamodb")))
for expression, left in dynalite.items():
    print(f"{expression:24} dynalite {left:6} moto {moto[expression]}")
PROBE
venv/bin/python probe.py "$(cat port)" | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
