// `node node.mjs PORT REDIS_PORT [BYTES]`: Node's Socket.IO server with its Redis adapter, everything at its default. With
// BYTES it compresses what has as many or more: `perMessageDeflate`, which is `ws`'s, with its defaults.
// https://socket.io/docs/v4/redis-adapter/#usage

import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

import { subscribe } from "./subscribe.mjs";

const [port, redisPort, threshold] = process.argv.slice(2).map(Number);
const publisher = createClient({ url: `redis://127.0.0.1:${redisPort}/0` });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const web = createServer();
const compression = threshold ? { perMessageDeflate: { threshold } } : {};
const io = new Server(web, { adapter: createAdapter(publisher, subscriber), ...compression });
io.on("connection", subscribe);
web.listen(port, "127.0.0.1");
