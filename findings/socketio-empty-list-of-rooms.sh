#!/usr/bin/env bash
# Emitting to an empty list of rooms reaches everybody
#
# Versions: socket.io 4.8.4 (npm), python-socketio 5.18.1 (PyPI).
# Expected: an emit to rooms that were computed and came out empty reaches nobody.
# Seen: in Socket.IO for Node, `io.to([])` is a broadcast to the whole namespace. The project knows it since 2023
# (socketio/socket.io issue 4645, open); its documentation does not say it. In python-socketio `to` and `room` are said to be
# two names of one parameter: `to=[]` is a broadcast too, and `room=[]` raises IndexError.
#
# Output:
#> node to([]): 1 of 1 clients got it
#> python to=[]: 1 of 1 clients got it
#> python room=[]: IndexError: list index out of range

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund socket.io@4.8.4 socket.io-client@4.8.4

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore python-socketio==5.18.1 aiohttp==3.14.5

cat > probe.mjs <<'PROBE'
import http from "node:http";
import { Server } from "socket.io";
import { io } from "socket.io-client";

const web = http.createServer();
const server = new Server(web);
await new Promise((ready) => web.listen(0, "127.0.0.1", ready));
const client = io(`http://127.0.0.1:${web.address().port}`, { transports: ["websocket"] });
await new Promise((ready) => client.on("connect", ready));

let got = 0;
client.on("private", () => got++);
server.to([]).emit("private", "for nobody");
server.emit("end"); // sent after it, on the same connection
await new Promise((end) => client.on("end", end));
console.log(`node to([]): ${got} of 1 clients got it`);
client.close();
server.close();
PROBE
cat > probe.py <<'PROBE'
import asyncio
import socketio
from aiohttp import web


async def main():
    server = socketio.AsyncServer(async_mode="aiohttp")
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    client = socketio.AsyncClient()
    got, ended = [], asyncio.Event()
    client.on("private", got.append)
    client.on("end", ended.set)
    await client.connect(f"http://127.0.0.1:{runner.addresses[0][1]}", transports=["websocket"])
    await server.emit("private", "for nobody", to=[])
    await server.emit("end")  # sent after it, on the same connection
    await ended.wait()
    print(f"python to=[]: {len(got)} of 1 clients got it")
    try:
        await server.emit("private", "for nobody", room=[])
    except IndexError as error:
        print(f"python room=[]: IndexError: {error}")
    await client.disconnect()
    await runner.cleanup()


asyncio.run(main())
PROBE
{ timeout 60 node probe.mjs; timeout 60 venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
