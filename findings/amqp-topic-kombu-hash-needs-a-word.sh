#!/usr/bin/env bash
# AMQP topics in memory: in kombu, `order.#` does not match `order`
#
# Versions: kombu 5.7.0 (PyPI), smqp 15.0.0, mock-amqplib 1.8.2 (npm).
# Expected: AMQP 0-9-1, section 3.1.3.3: in a binding, `*` matches one word and `#` zero or more. smqp, a broker in memory, and
# RabbitMQ do so.
# Seen: in kombu a `#` takes at least one word, as its docstring says. Its exchanges are those of Celery on Redis and
# SQS: a queue that got its messages from RabbitMQ is empty there, without an error. In mock-amqplib, a stand-in for RabbitMQ in
# tests, neither wildcard takes a word with a hyphen, such as a UUID. (The specification's words have only letters and digits.
# RabbitMQ takes any.)
#
# Output:
#> order.#        order.paid.late kombu yes  smqp yes   mock-amqplib yes
#> order.#        order           kombu no   smqp yes   mock-amqplib yes
#> order.#.failed order.failed    kombu no   smqp yes   mock-amqplib yes
#> #.failed       failed          kombu no   smqp yes   mock-amqplib yes
#> order.*        order.paid      kombu yes  smqp yes   mock-amqplib yes
#> order.*        order.paid-late kombu yes  smqp yes   mock-amqplib no
#> order.#        order.paid-late kombu yes  smqp yes   mock-amqplib no

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund --omit=peer --omit=optional smqp@15.0.0 mock-amqplib@1.8.2
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore kombu==5.7.0

cat > cases.json <<'PROBE'
[
  ["order.#", "order.paid.late"],
  ["order.#", "order"],
  ["order.#.failed", "order.failed"],
  ["#.failed", "failed"],
  ["order.*", "order.paid"],
  ["order.*", "order.paid-late"],
  ["order.#", "order.paid-late"]
]
PROBE
cat > probe.py <<'PROBE'
import json
from kombu import Connection, Exchange, Queue

with Connection("memory://") as connection:
    channel = connection.channel()
    for index, (pattern, key) in enumerate(json.load(open("cases.json"))):
        exchange = Exchange(f"exchange{index}", type="topic")
        queue = Queue(f"queue{index}", exchange, routing_key=pattern)(channel)
        queue.declare()
        connection.Producer(channel).publish("1", exchange=exchange, routing_key=key)
        print("yes" if queue.get(no_ack=True) else "no")
PROBE
cat > smqp.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import { Broker } from "smqp";

for (const [index, [pattern, key]] of JSON.parse(readFileSync("cases.json", "utf8")).entries()) {
  const broker = new Broker();
  broker.assertExchange("exchange", "topic");
  broker.assertQueue(`queue${index}`);
  broker.bindQueue(`queue${index}`, "exchange", pattern);
  broker.publish("exchange", key, "1");
  console.log(broker.getQueue(`queue${index}`).messageCount ? "yes" : "no");
}
PROBE
cat > mock.cjs <<'PROBE'
const amqp = require("mock-amqplib");
const cases = JSON.parse(require("fs").readFileSync("cases.json", "utf8"));

(async () => {
  const channel = await (await amqp.connect("amqp://localhost")).createChannel();
  for (const [index, [pattern, key]] of cases.entries()) {
    await channel.assertExchange(`exchange${index}`, "topic");
    await channel.assertQueue(`queue${index}`);
    await channel.bindQueue(`queue${index}`, `exchange${index}`, pattern);
    await channel.publish(`exchange${index}`, key, Buffer.from("1"));
    console.log((await channel.get(`queue${index}`)) ? "yes" : "no");
  }
})();
PROBE
cat > table.py <<'PROBE'
import json

results = [open(name).read().split() for name in ("kombu", "smqp", "mock")]
for index, (pattern, key) in enumerate(json.load(open("cases.json"))):
    answers = [f"{name} {result[index]}" for name, result in zip(("kombu", "smqp", "mock-amqplib"), results)]
    print(f"{pattern:14} {key:15}", "  ".join(f"{answer:9}" for answer in answers))
PROBE
venv/bin/python probe.py > kombu
node smqp.mjs > smqp
node mock.cjs > mock
python3 table.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
