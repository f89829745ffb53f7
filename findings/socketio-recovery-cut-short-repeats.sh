#!/usr/bin/env bash
# A connection that breaks while a session is recovered gives the page some missed events twice
#
# Version: socket.io 4.8.4 and socket.io-client 4.8.4 (npm), with `connectionStateRecovery` and the WebSocket transport.
# Expected: whatever breaks, a recovered session gets what it missed once; its offset says how far it is.
# Seen: the server sends the missed events before its CONNECT packet. The client keeps them until a CONNECT packet comes, also
# beyond the end of the connection, and does not move its offset. If the connection breaks in between, the next recovery sends
# the same events again, and the page's handlers see both. Here a proxy ends the second connection after two of three missed
# events, as a phone in a tunnel or a server that is killed may do.
#
# Output:
#> handled: 1, then 2 3 2 3 4, recovered: true

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund socket.io@4.8.4 socket.io-client@4.8.4

cat > probe.mjs <<'PROBE'
import http from "node:http";
import net from "node:net";
import { Server } from "socket.io";
import { io } from "socket.io-client";

const web = http.createServer();
const server = new Server(web, { connectionStateRecovery: {} });
await new Promise((ready) => web.listen(0, "127.0.0.1", ready));

// Passes a connection on, frame by frame. The second one ends after two events.
let connections = 0;
let current;
const proxy = net.createServer((page) => {
  const number = ++connections;
  const back = net.connect(web.address().port, "127.0.0.1");
  current = { page, back };
  page.pipe(back);
  let rest = Buffer.alloc(0), upgraded = false, events = 0;
  back.on("data", (data) => {
    rest = Buffer.concat([rest, data]);
    if (!upgraded) {
      const end = rest.indexOf("\r\n\r\n");
      if (end < 0) return;
      page.write(rest.subarray(0, end + 4));
      rest = rest.subarray(end + 4);
      upgraded = true;
    }
    while (rest.length >= 2 && !page.destroyed) {
      const long = (rest[1] & 0x7f) === 126;
      const length = long ? rest.readUInt16BE(2) : rest[1];
      const whole = (long ? 4 : 2) + length;
      if (rest.length < whole) return;
      const isEvent = rest.subarray(whole - length, whole).toString().startsWith("42");
      page.write(rest.subarray(0, whole));
      rest = rest.subarray(whole);
      if (number === 2 && isEvent && ++events === 2) setTimeout(() => { page.destroy(); back.destroy(); }, 200);
      if (number === 2 && events === 2) return;
    }
  });
  for (const side of [page, back]) side.on("error", () => {}).on("close", () => { page.destroy(); back.destroy(); });
});
await new Promise((ready) => proxy.listen(0, "127.0.0.1", ready));

const client = io(`http://127.0.0.1:${proxy.address().port}`, {
  transports: ["websocket"], reconnectionDelay: 300, randomizationFactor: 0,
});
const handled = [];
client.on("n", (number) => handled.push(number));
const connected = () => new Promise((done) => client.once("connect", done));

await connected();
server.emit("n", 1);
while (handled.length < 1) await new Promise((done) => setTimeout(done, 10));
current.page.destroy();
while (server.of("/").sockets.size > 0) await new Promise((done) => setTimeout(done, 10));
for (const number of [2, 3, 4]) server.emit("n", number);
await connected();
await new Promise((done) => setTimeout(done, 300));
const [first, ...later] = handled;
console.log(`handled: ${first}, then ${later.join(" ")}, recovered: ${client.recovered}`);
process.exit(0);
PROBE
timeout 60 node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
