#!/usr/bin/env bash
# aiohttp: a WebSocket that the server closed properly has the close code of a broken connection
#
# Versions: aiohttp 3.14.5, websockets 17.4 (PyPI), ws 8.23.0 (npm).
# Expected: RFC 6455, section 7.1.5: a close frame without a code means 1005. 1006 means that no close frame came.
# `ws.close()` without arguments, the most common call in JavaScript, sends such a frame.
# Seen: aiohttp's client reports 1006, although the frame came and was answered. Code that reconnects after 1006 and stops
# after a proper close, reconnects for ever, and the metric of broken connections counts each goodbye. websockets says 1005.
#
# Output:
#> server: close()     aiohttp: 1006, websockets: 1005
#> server: close(1000) aiohttp: 1000, websockets: 1000
#> server: close(4001) aiohttp: 4001, websockets: 4001

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ws@8.23.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore aiohttp==3.14.5 websockets==17.4

cat > server.mjs <<'PROBE'
import { writeFileSync } from "node:fs";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  writeFileSync("port.new", String(server.address().port));
});
server.on("connection", (socket, request) => {
  const code = Number(request.url.slice(1));
  if (code) socket.close(code);
  else socket.close();
});
PROBE
cat > probe.py <<'PROBE'
import asyncio
import sys

import aiohttp
import websockets


async def main():
    for path, meaning in ("", "close()"), ("1000", "close(1000)"), ("4001", "close(4001)"):
        address = f"http://127.0.0.1:{sys.argv[1]}/{path}"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            async for message in socket:
                print(message)
        async with websockets.connect(address.replace("http", "ws")) as other:
            await other.wait_closed()
        print(f"server: {meaning:11} aiohttp: {socket.close_code}, websockets: {other.close_code}")


asyncio.run(main())
PROBE
node server.mjs &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
until [ -s port.new ]; do sleep 0.1; done
venv/bin/python probe.py "$(cat port.new)" | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
