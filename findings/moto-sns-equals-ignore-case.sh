#!/usr/bin/env bash
# moto: `equals-ignore-case` in an SNS filter policy matches only if the policy is in lower case
#
# Version: moto 5.2.5 (PyPI).
# Expected: SNS ignores the case of both sides, as the name says.
# Seen: moto turns only the message's side into lower case. A policy with a capital letter is accepted at Subscribe and matches no
# message, not even one that is written as the policy is. A test sees silence and blames its own policy.
#
# Output:
#> policy abc message abc: delivered
#> policy abc message ABC: delivered
#> policy ABC message abc: nothing
#> policy ABC message ABC: nothing

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore 'moto[sns,sqs]==5.2.5' boto3==1.44.8

cat > probe.py <<'PROBE'
import json
import boto3
from moto import mock_aws


@mock_aws
def main():
    options = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    sqs, sns = boto3.client("sqs", **options), boto3.client("sns", **options)
    for policy, word in (("abc", "abc"), ("abc", "ABC"), ("ABC", "abc"), ("ABC", "ABC")):
        url = sqs.create_queue(QueueName=f"{policy}-{word}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name=f"{policy}-{word}")["TopicArn"]
        filters = {"FilterPolicy": json.dumps({"kind": [{"equals-ignore-case": policy}]})}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=filters)
        kind = {"kind": {"DataType": "String", "StringValue": word}}
        sns.publish(TopicArn=topic, Message="hello", MessageAttributes=kind)
        got = sqs.receive_message(QueueUrl=url).get("Messages", [])
        print(f"policy {policy} message {word}: {'delivered' if got else 'nothing'}")


main()
PROBE
venv/bin/python -W ignore probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
