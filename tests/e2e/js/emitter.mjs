// The emitter of a Node back end, for the tests: told on standard input what to publish, a line of JSON each. It answers
// each line on standard output once Redis has answered. The argument is Redis's URL. In arguments, {"$bytes": "00ff"} is a
// Buffer, and {"$date": 0} a Date.

import { createInterface } from "node:readline";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";

const revived = (key, value) =>
  value?.$bytes !== undefined ? Buffer.from(value.$bytes, "hex") : value?.$date !== undefined ? new Date(value.$date) : value;

const redis = createClient({ url: JSON.parse(process.argv[2]) });
await redis.connect();
const emitter = new Emitter(redis);

for await (const line of createInterface({ input: process.stdin })) {
  const { namespace, to, except, call, args } = JSON.parse(line, revived);
  const all = namespace ? emitter.of(namespace) : emitter;
  const chosen = to.length + except.length ? all.to(to).except(except) : all;
  chosen[call](...args);
  // Answered after what was published before it, over the same connection.
  await redis.ping();
  process.stdout.write(`${JSON.stringify({ published: call })}\n`);
}
await redis.close();
