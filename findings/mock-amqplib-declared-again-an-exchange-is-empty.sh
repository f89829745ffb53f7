#!/usr/bin/env bash
# RabbitMQ in tests: an exchange that is declared again forgets its queues
#
# Version: mock-amqplib 1.8.2 (npm), a stand-in for amqplib.
# Expected: AMQP 0-9-1, exchange.declare: the method creates the exchange if it does not exist, and otherwise verifies that it is
# of the expected kind. So each publisher and each consumer declares what it uses.
# Seen: `assertExchange` of what exists makes a new exchange without bindings. When the publisher starts after the consumer, its
# messages reach nobody, and `publish` returns true. A test of one of the two passes.
#
# Output:
#> publish: true - mail has 1
#> declared again, publish: true - mail has 0

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund --omit=peer --omit=optional mock-amqplib@1.8.2

cat > probe.cjs <<'PROBE'
const amqp = require("mock-amqplib");

const waiting = async (channel, queue) => {
  let count = 0;
  while (await channel.get(queue)) count++;
  return `${queue} has ${count}`;
};
(async () => {
  const channel = await (await amqp.connect("amqp://localhost")).createChannel();
  const publish = (exchange) => channel.publish(exchange, "paid", Buffer.from("1"));

  await channel.assertExchange("orders", "topic");
  await channel.assertQueue("mail");
  await channel.bindQueue("mail", "orders", "paid");
  console.log("publish:", await publish("orders"), "-", await waiting(channel, "mail"));
  await channel.assertExchange("orders", "topic");
  console.log("declared again, publish:", await publish("orders"), "-", await waiting(channel, "mail"));
})();
PROBE
node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
