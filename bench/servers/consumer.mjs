// `node consumer.mjs QUEUE_URL REDIS_URL`: sqs-consumer with Socket.IO's Redis emitter, in batches of ten.
// https://github.com/bbc/sqs-consumer#usage, https://socket.io/docs/v4/redis-adapter/#emitter

import { SQSClient } from "@aws-sdk/client-sqs";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Consumer } from "sqs-consumer";

const [queueUrl, redisUrl] = process.argv.slice(2);
const redis = createClient({ url: redisUrl });
await redis.connect();
const emitter = new Emitter(redis);

const consumer = Consumer.create({
  queueUrl,
  sqs: new SQSClient({}),
  batchSize: 10,
  waitTimeSeconds: 20,
  messageAttributeNames: ["All"],
  handleMessageBatch: async (messages) => {
    for (const message of messages) {
      emitter.to(message.MessageAttributes.rooms.StringValue).emit("item_added", JSON.parse(message.Body));
    }
    return messages;
  },
});
consumer.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
consumer.start();
