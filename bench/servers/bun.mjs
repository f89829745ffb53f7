// `bun bun.mjs PORT REDIS_PORT`: Node's Socket.IO server on Bun's own engine, with its Redis adapter.
// https://socket.io/docs/v4/server-initialization/#with-bun

import { Server as Engine } from "@socket.io/bun-engine";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

import { subscribe } from "./subscribe.mjs";

const [port, redisPort] = process.argv.slice(2).map(Number);
const publisher = createClient({ url: `redis://127.0.0.1:${redisPort}/0` });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const io = new Server({ adapter: createAdapter(publisher, subscriber) });
io.on("connection", subscribe);
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);
Bun.serve({ port, hostname: "127.0.0.1", idleTimeout: 30, ...engine.handler() });
