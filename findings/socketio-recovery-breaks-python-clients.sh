#!/usr/bin/env bash
# Switching on connectionStateRecovery in Node breaks every handler of python-socketio's clients
#
# Versions: socket.io 4.8.4 (npm), python-socketio 5.18.1 (PyPI), its synchronous client over WebSocket.
# Expected: a server option for clients that can recover does nothing to clients that cannot.
# Seen: the server appends the offset to the arguments of each event, for every client. JavaScript ignores an extra argument.
# A Python handler `def on_item(data)` raises TypeError, so each event is lost; the connection stays, and the traceback of a
# background thread is all there is. Events that ask for an acknowledgement carry no offset and still work.
#
# Output:
#> recovery off: handler ran 1 of 1, TypeErrors 0, with acknowledgement 1 of 1
#> recovery on:  handler ran 0 of 1, TypeErrors 1, with acknowledgement 1 of 1

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund socket.io@4.8.4

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore 'python-socketio[client]==5.18.1'

cat > client.py <<'PROBE'
import sys
import socketio

client = socketio.Client()


@client.on("item")
def on_item(data):
    print("item", flush=True)


@client.on("asked")
def on_asked(data):
    print("asked", flush=True)
    return "yes"


client.connect(sys.argv[1], transports=["websocket"])
client.wait()
PROBE
cat > probe.mjs <<'PROBE'
import http from "node:http";
import { spawn } from "node:child_process";
import { Server } from "socket.io";

for (const [label, recovery] of [["off:", undefined], ["on: ", {}]]) {
  const web = http.createServer();
  const server = new Server(web, { connectionStateRecovery: recovery });
  await new Promise((ready) => web.listen(0, "127.0.0.1", ready));
  const connected = new Promise((done) => server.on("connection", done));
  const client = spawn("venv/bin/python", ["client.py", `http://127.0.0.1:${web.address().port}`]);
  let out = "";
  let err = "";
  client.stdout.on("data", (text) => (out += text));
  client.stderr.on("data", (text) => (err += text));
  const socket = await connected;
  socket.emit("item", { n: 1 });
  await socket.timeout(20_000).emitWithAck("asked", { n: 2 });
  for (let tries = 0; tries < 50 && !/item|TypeError/.test(out + err); tries++) await new Promise((r) => setTimeout(r, 100));
  const count = (text, word) => text.split(word).length - 1;
  console.log(
    `recovery ${label} handler ran ${count(out, "item")} of 1, TypeErrors ${count(err, "TypeError:")},` +
      ` with acknowledgement ${count(out, "asked")} of 1`,
  );
  const ended = new Promise((done) => client.on("exit", done));
  client.kill();
  await ended;
  await server.close();
}
PROBE
timeout 90 node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
