// `node streams-consumer.mjs QUEUE_URL REDIS_URL`: sqs-consumer, which publishes for the Redis Streams adapter of other processes.
// There is no emitter for this adapter, so it adds entries as the adapter does, and deletes what Redis has confirmed.
// https://github.com/bbc/sqs-consumer#usage, https://socket.io/docs/v4/redis-streams-adapter

import { SQSClient } from "@aws-sdk/client-sqs";
import { createClient } from "redis";
import { Consumer } from "sqs-consumer";

const AT_ONCE = 4;
const TRIM = { strategy: "MAXLEN", strategyModifier: "~", threshold: 10_000 }; // the adapter's own default

const [queueUrl, redisUrl] = process.argv.slice(2);
const redis = createClient({ url: redisUrl });
await redis.connect();

function emit(room, event, argument) {
  const opts = { rooms: [room], except: [], flags: {} };
  const data = JSON.stringify({ opts, packet: { type: 2, data: [event, argument], nsp: "/" } });
  return redis.xAdd("socket.io", "*", { uid: "emitter", nsp: "/", type: "3", data }, { TRIM });
}

for (let number = 0; number < AT_ONCE; number++) {
  const consumer = Consumer.create({
    queueUrl,
    sqs: new SQSClient({}),
    batchSize: 10,
    waitTimeSeconds: 20,
    messageAttributeNames: ["All"],
    handleMessageBatch: async (messages) => {
      const emits = messages.map((message) =>
        emit(message.MessageAttributes.rooms.StringValue, "item_added", JSON.parse(message.Body)),
      );
      await Promise.all(emits);
      return messages;
    },
  });
  consumer.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  consumer.start();
}
