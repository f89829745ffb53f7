#!/usr/bin/env bash
# moto: the SNS filter `anything-but` drops a list that also has other values
#
# Version: moto 5.2.5 (PyPI).
# Expected: AWS' documentation of string matching: `{"anything-but": ["red"]}` matches the list `["red", "blue"]`, as it
# contains a value that is not red. Only a list of nothing else than red is left out.
# Seen: in moto, with a policy for the body, one forbidden value is enough to drop the message. A test says that a
# subscriber is spared the red orders; in AWS it receives all that are red and something else.
#
# Output:
#> "blue"          passes
#> "red"           dropped
#> ["blue"]        passes
#> ["red"]         dropped
#> ["red", "blue"] dropped

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
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="orders")["TopicArn"]
    policy = {"FilterPolicy": json.dumps({"colours": [{"anything-but": ["red"]}]}), "FilterPolicyScope": "MessageBody"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=policy)
    for colours in "blue", "red", ["blue"], ["red"], ["red", "blue"]:
        sns.publish(TopicArn=topic, Message=json.dumps({"colours": colours}))
        passed = "Messages" in sqs.receive_message(QueueUrl=url)
        print(f"{json.dumps(colours):15} {'passes' if passed else 'dropped'}")
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
