// Stock Socket.IO clients for the tests: told what to do on standard input, reporting on standard output, a line of JSON
// each. The argument is a list of {url, options, token}, one client for each. Who has a token gives the one that it was
// told last, as a page does that fetches one whenever it connects.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const report = (client, report, more) => process.stdout.write(`${JSON.stringify({ client, report, ...more })}\n`);

const targets = JSON.parse(process.argv[2]);
const wanted = targets.map(() => []); // the callbacks of events that have to be acknowledged, oldest first

const clients = targets.map((target, client) => {
  const auth = target.token && ((give) => give({ token: target.token }));
  const socket = io(target.url, { forceNew: true, auth, ...target.options });
  socket.on("connect", () => {
    const { engine } = socket.io;
    const { id: sid, recovered } = socket;
    report(client, "connect", { sid, recovered, transport: engine.transport.name });
    engine.once("upgrade", ({ name }) => report(client, "upgrade", { transport: name }));
  });
  socket.on("disconnect", (reason) => report(client, "disconnect", { reason }));
  socket.on("connect_error", ({ message, data }) =>
    report(client, "connect_error", { message, code: data?.code, active: socket.active }));
  socket.onAny((name, ...args) => {
    if (typeof args.at(-1) === "function") wanted[client].push(args.pop());
    report(client, "event", { name, args });
  });
  return socket;
});

const deeds = {
  emit: ({ client, id, name, args }) =>
    clients[client].timeout(10_000).emit(name, ...args, (error, ...answer) =>
      report(client, "ack", { id, error: error?.message ?? null, args: answer })),
  acknowledge: ({ client }) => wanted[client].shift()(),
  break_off: ({ client }) => clients[client].io.engine.close(),
  disconnect: ({ client }) => clients[client].disconnect(),
  connect: ({ client }) => clients[client].connect(),
  token: ({ client, token }) => { targets[client].token = token; },
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  deeds[command.do](command);
});
// Everybody leaves properly; the process ends when nothing is left to do.
lines.on("close", () => clients.forEach((socket) => socket.disconnect()));
