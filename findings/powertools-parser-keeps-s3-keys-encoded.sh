#!/usr/bin/env bash
# Powertools for AWS Lambda: an S3 key is decoded by one half of the library and not by the other
#
# Versions: aws-lambda-powertools 3.37.0 (PyPI), @aws-lambda-powertools/parser 2.35.0 (npm).
# Expected: S3 writes keys into notifications as form fields, `a+b%2Bc.txt` for `a b+c.txt`. A typed model of the event that
# has the field `key` holds the key, as `S3Event.object_key` of the same package does.
# Seen: the models of the parser, in Python and in TypeScript, keep it encoded. Who moves from the data class to the parser
# gets NoSuchKey for each object with a space, a plus or an umlaut, and nothing for names in plain ASCII, which the tests
# have.
#
# Output:
#> Python, data class     a b+c/é.txt
#> Python, parser         a+b%2Bc/%C3%A9.txt
#> TypeScript, parser     a+b%2Bc/%C3%A9.txt

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @aws-lambda-powertools/parser@2.35.0 zod@4.6.7
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore 'aws-lambda-powertools[parser]==3.37.0'

cat > event.json <<'PROBE'
{"Records": [{
  "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventTime": "2026-11-29T12:00:00.000Z",
  "eventName": "ObjectCreated:Put", "userIdentity": {"principalId": "A"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
  "responseElements": {"x-amz-request-id": "A", "x-amz-id-2": "B"},
  "s3": {
    "s3SchemaVersion": "1.0", "configurationId": "c",
    "bucket": {"name": "shop", "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::shop"},
    "object": {"key": "a+b%2Bc/%C3%A9.txt", "size": 1, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6"}
  }
}]}
PROBE
cat > probe.py <<'PROBE'
import json

from aws_lambda_powertools.utilities.data_classes import S3Event
from aws_lambda_powertools.utilities.parser.models import S3Model

event = json.load(open("event.json"))
print("Python, data class    ", S3Event(event).object_key)
print("Python, parser        ", S3Model(**event).Records[0].s3.object.key)
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import { S3Schema } from "@aws-lambda-powertools/parser/schemas";

console.log("TypeScript, parser    ", S3Schema.parse(JSON.parse(readFileSync("event.json", "utf8"))).Records[0].s3.object.key);
PROBE
{ venv/bin/python probe.py; node probe.mjs; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
