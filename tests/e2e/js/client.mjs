// Stock Socket.IO clients for the tests: told what to do on standard input, reporting on standard output, a line of JSON
// each. The argument is a list of {url, options}, one client for each.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const report = (client, report, more) => process.stdout.write(`${JSON.stringify({ client, report, ...more })}\n`);

const clients = JSON.parse(process.argv[2]).map(({ url, options }, client) => {
  const socket = io(url, { forceNew: true, ...options });
  socket.on("connect", () => {
    const { engine } = socket.io;
    const { id: sid, recovered } = socket;
    report(client, "connect", { sid, recovered, transport: engine.transport.name });
    engine.once("upgrade", ({ name }) => report(client, "upgrade", { transport: name }));
  });
  socket.on("disconnect", (reason) => report(client, "disconnect", { reason }));
  socket.on("connect_error", ({ message }) => report(client, "connect_error", { message }));
  socket.onAny((name, ...args) => report(client, "event", { name, args }));
  return socket;
});

const deeds = {
  emit: ({ client, id, name, args }) =>
    clients[client].timeout(10_000).emit(name, ...args, (error, ...answer) =>
      report(client, "ack", { id, error: error?.message ?? null, args: answer })),
  disconnect: ({ client }) => clients[client].disconnect(),
  connect: ({ client }) => clients[client].connect(),
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  deeds[command.do](command);
});
// Everybody leaves properly; the process ends when nothing is left to do.
lines.on("close", () => clients.forEach((socket) => socket.disconnect()));
