#!/usr/bin/env bash
# In Node, a list of transports that begins with "webtransport" never falls back
#
# Version: socket.io-client 4.8.4 (npm) on Node, which has no `WebTransport`.
# Expected: `tryAllTransports` tests the next transport when one fails, and a transport that the platform does not have fails at
# once. So the same options work in a browser and in Node.
# Seen: nothing happens, no error of the transport, until `timeout` is over (20 s by default, 2 s here); then it starts
# again with "webtransport", for ever. The WebSocket that would work is not tried.
#
# Output:
#> websocket, tryAllTransports:               connect over websocket
#> webtransport,websocket, tryAllTransports:  connect_error timeout; connect_error timeout

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund socket.io@4.8.4 socket.io-client@4.8.4

cat > probe.mjs <<'PROBE'
import http from "node:http";
import { Server } from "socket.io";
import { io } from "socket.io-client";

const web = http.createServer();
const server = new Server(web);
await new Promise((ready) => web.listen(0, "127.0.0.1", ready));

for (const transports of [["websocket"], ["webtransport", "websocket"]]) {
  const client = io(`http://127.0.0.1:${web.address().port}`, {
    transports, tryAllTransports: true, timeout: 2000, reconnectionDelay: 100, forceNew: true,
  });
  const seen = [];
  await new Promise((done) => {
    client.on("connect", () => { seen.push(`connect over ${client.io.engine.transport.name}`); done(); });
    client.on("connect_error", (error) => { if (seen.push(`connect_error ${error.message}`) === 2) done(); });
  });
  console.log(`${transports}, tryAllTransports:`.padEnd(42), seen.join("; "));
  client.close();
}
server.close();
PROBE
timeout 60 node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
