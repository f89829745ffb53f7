#!/usr/bin/env bash
# sqs-producer: `delaySeconds: 0` is not sent, so the message waits as long as the queue says
#
# Version: sqs-producer 8.0.4 (npm).
# Expected: the README allows a number from 0 to 900. SQS' reference for SendMessageBatch: without DelaySeconds the queue's own
# delay applies, so 0 is the way to have one message delivered at once from a queue that delays the others.
# Seen: 0 counts as "no delay given". On a queue with a delay of 15 minutes an urgent message comes 15 minutes late. The
# check of the number is skipped too, so NaN passes, while `"5"` is refused.
#
# Output:
#> delaySeconds: 5     DelaySeconds 5
#> delaySeconds: 0     no DelaySeconds
#> delaySeconds: NaN   no DelaySeconds
#> delaySeconds: "5"   Message.delaySeconds value must be a number contained within [0 - 900]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund sqs-producer@8.0.4

cat > probe.mjs <<'PROBE'
import { Producer } from "sqs-producer";

let entry;
const sqs = { send: async (command) => ((entry = command.input.Entries[0]), { Successful: [{ Id: entry.Id }] }) };
const producer = Producer.create({ queueUrl: "https://sqs.eu-central-1.amazonaws.com/123456789012/orders", sqs });
for (const delaySeconds of [5, 0, NaN, "5"]) {
  const name = `delaySeconds: ${typeof delaySeconds === "string" ? JSON.stringify(delaySeconds) : delaySeconds}`.padEnd(19);
  try {
    await producer.send({ id: "order-7", body: "an order", delaySeconds });
    console.log(name, "DelaySeconds" in entry ? `DelaySeconds ${entry.DelaySeconds}` : "no DelaySeconds");
  } catch (error) {
    console.log(name, error.message);
  }
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
