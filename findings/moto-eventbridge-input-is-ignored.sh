#!/usr/bin/env bash
# moto: an EventBridge target with Input or InputPath receives the whole event
#
# Version: moto 5.2.5 (PyPI).
# Expected: a target has one of three fields that say what it receives: `Input`, a constant; `InputPath`, a part of the
# event; `InputTransformer`, a text made of parts. moto has the third.
# Seen: `put_targets` accepts all three, `list_targets_by_rule` shows them, and the first two have no effect: the queue
# receives the whole event. A consumer that passes its tests with moto reads `body["detail"]`, which in AWS is not there.
#
# Output:
#> Input            the whole event
#> InputPath        the whole event
#> InputTransformer {"number": 7}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore 'moto[events,sqs]==5.2.5'

cat > probe.py <<'PROBE'
import json
import os

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")
import boto3
from moto import mock_aws

with mock_aws():
    events, sqs = boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))
    for field, value in {
        "Input": '{"constant":true}',
        "InputPath": "$.detail",
        "InputTransformer": {"InputPathsMap": {"n": "$.detail.order"}, "InputTemplate": '{"number":<n>}'},
    }.items():
        events.put_targets(Rule="orders", Targets=[{"Id": "1", "Arn": arn, field: value}])
        events.put_events(Entries=[{"Source": "shop", "DetailType": "paid", "Detail": '{"order":7}'}])
        body = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
        print(f"{field:16}", "the whole event" if "detail-type" in body else json.dumps(body))
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
