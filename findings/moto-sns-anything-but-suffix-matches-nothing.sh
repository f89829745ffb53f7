#!/usr/bin/env bash
# moto: the SNS filter `anything-but` with a suffix matches no message
#
# Version: moto 5.2.5 (PyPI).
# Expected: `{"anything-but": {"suffix": ".tmp"}}` lets each name through that does not end so, as `anything-but` with a
# prefix does for beginnings. What an emulator cannot do it refuses, as moto does with `wildcard`.
# Seen: moto accepts the policy and lets nothing through. A test that expects the temporary files to be filtered out passes;
# the other files are filtered out too.
#
# Output:
#> {"name": [{"suffix": ".tmp"}]}                   a.tmp
#> {"name": [{"anything-but": {"suffix": ".tmp"}}]}
#> {"name": [{"prefix": "a"}]}                      a.tmp
#> {"name": [{"anything-but": {"prefix": "a"}}]}    b.txt

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore 'moto[sns,sqs]==5.2.5'

cat > probe.py <<'PROBE'
import json
import os

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")
import boto3
from moto import mock_aws

with mock_aws():
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="files")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for number, rule in enumerate(
        [{"suffix": ".tmp"}, {"anything-but": {"suffix": ".tmp"}}, {"prefix": "a"}, {"anything-but": {"prefix": "a"}}]
    ):
        topic = sns.create_topic(Name=f"files-{number}")["TopicArn"]
        policy = json.dumps({"name": [rule]})
        attributes = {"FilterPolicy": policy, "RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        passed = []
        for name in "a.tmp", "b.txt":
            sns.publish(TopicArn=topic, Message=name, MessageAttributes={"name": {"DataType": "String", "StringValue": name}})
            passed += [message["Body"] for message in sqs.receive_message(QueueUrl=url).get("Messages", [])]
        print(f"{policy:48}", *passed)
PROBE
venv/bin/python probe.py | sed 's/ *$//' | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
