#!/usr/bin/env bash
# moto: a rule for 1 matches `true`, and a rule for `false` matches 0
#
# Version: moto 5.2.5 (PyPI), EventBridge rules and SNS filter policies on the message body.
# Expected: in event patterns booleans and numbers are different values; AWS's own engine (event-ruler 2.1.0) does not match
# `[1]` with `true`, nor `[true]` with 1, and matches 1.0 and 1e0 with `[1]`.
# Seen: moto compares with Python's `==`, where `True == 1`. A test of a rule passes for events that the rule will not match on
# AWS, and one that must not arrive does arrive.
#
# Output:
#> pattern [1]     event 1     events delivered, sns delivered
#> pattern [1]     event true  events delivered, sns delivered
#> pattern [true]  event 1     events delivered, sns delivered
#> pattern [false] event 0     events delivered, sns delivered
#> pattern [1]     event "1"   events nothing, sns nothing

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore 'moto[events,sns,sqs]==5.2.5' boto3==1.44.8

cat > probe.py <<'PROBE'
import json
import boto3
from moto import mock_aws


@mock_aws
def main():
    options = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    sqs, sns, events = (boto3.client(name, **options) for name in ("sqs", "sns", "events"))
    cases = [("[1]", "1"), ("[1]", "true"), ("[true]", "1"), ("[false]", "0"), ("[1]", '"1"')]
    for n, (pattern, value) in enumerate(cases):
        outcomes = []
        for service in ("events", "sns"):
            url = sqs.create_queue(QueueName=f"{service}-{n}")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            if service == "events":
                events.put_rule(Name=f"rule-{n}", EventPattern=f'{{"detail": {{"n": {pattern}}}}}')
                events.put_targets(Rule=f"rule-{n}", Targets=[{"Id": "queue", "Arn": arn}])
                events.put_events(Entries=[{"Source": "shop", "DetailType": "sold", "Detail": f'{{"n": {value}}}'}])
            else:
                topic = sns.create_topic(Name=f"topic-{n}")["TopicArn"]
                policy = {"FilterPolicyScope": "MessageBody", "FilterPolicy": f'{{"n": {pattern}}}'}
                sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=policy)
                sns.publish(TopicArn=topic, Message=f'{{"n": {value}}}')
            got = sqs.receive_message(QueueUrl=url).get("Messages", [])
            outcomes.append(f"{service} {'delivered' if got else 'nothing'}")
            events.remove_targets(Rule=f"rule-{n}", Ids=["queue"]) if service == "events" else None
        print(f"pattern {pattern:7} event {value:5}", ", ".join(outcomes))


main()
PROBE
venv/bin/python -W ignore probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
