// `node streams.mjs PORT REDIS_PORT`: Node's Socket.IO server with its Redis Streams adapter and connection state recovery,
// for as long as this gateway's.
// https://socket.io/docs/v4/redis-streams-adapter, https://socket.io/docs/v4/connection-state-recovery

import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

import { subscribe } from "./subscribe.mjs";

const [port, redisPort] = process.argv.slice(2).map(Number);
const redis = createClient({ url: `redis://127.0.0.1:${redisPort}/0` });
await redis.connect();

const web = createServer();
const io = new Server(web, {
  adapter: createAdapter(redis),
  connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
});
io.on("connection", subscribe);
web.listen(port, "127.0.0.1");
