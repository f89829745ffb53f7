#!/usr/bin/env bash
# moto: two waiting consumers get two messages of one FIFO group at the same time
#
# Version: moto 5.2.5 (PyPI).
# Expected: while one message of a FIFO group is in flight, nobody gets another one of it. moto keeps this rule when the messages
# are there before the receives.
# Seen: two long polls that wait when the messages arrive get one each. The list of groups in flight is looked at before
# the wait, not after it. Tests of two consumers then see an order that AWS does not allow, and more often the busier they are.
#
# Output:
#> messages first, then two receives: 1 handed out
#> two receives waiting, then messages: 2 handed out

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore 'moto[sqs]==5.2.5' boto3==1.44.8

cat > probe.py <<'PROBE'
import time
import boto3
from concurrent.futures import ThreadPoolExecutor
from moto import mock_aws

OPTIONS = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


@mock_aws
def main():
    sqs = [boto3.client("sqs", **OPTIONS) for _ in range(3)]
    for waiting in (False, True):
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        url = sqs[0].create_queue(QueueName=f"{'waiting' if waiting else 'ready'}.fifo", Attributes=fifo)["QueueUrl"]

        def send():
            for body in ("first", "second"):
                sqs[2].send_message(QueueUrl=url, MessageBody=body, MessageGroupId="group")

        def receive(client):
            return client.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=1).get("Messages", [])

        if not waiting:
            send()
        with ThreadPoolExecutor() as pool:
            polls = [pool.submit(receive, client) for client in sqs[:2]]
            if waiting:
                time.sleep(2)  # both polls are under way; their wait is 5 s
                send()
            got = [message["Body"] for poll in polls for message in poll.result()]
        print("two receives waiting, then messages:" if waiting else "messages first, then two receives:", len(got), "handed out")


main()
PROBE
venv/bin/python -W ignore probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
