#!/usr/bin/env bash
# msgpack between JavaScript and Python: an 8-byte array comes back as a date of 1970, and undefined as an ExtType
#
# Versions: socket.io-msgpack-parser 3.0.2 with notepack.io 2.2.0 and socket.io-client 4.8.4 (npm); python-socketio 5.18.1 with
# msgpack 1.2.4 (PyPI), `serializer="msgpack"`.
# Expected: both ends name the same format, so what they have in common (binary data, null, dates as values) passes through. With
# JSON the same emits give Python bytes and None.
# Seen: the JavaScript parser gives one private extension type, 0, to undefined, to dates and to typed arrays. Python hands
# ExtType objects to the handler, where `data is None` and `data == b"…"` are false. A server that only relays writes the extension
# in its shortest form, and the JavaScript end then reads an array of 8 bytes as a date and one of a single 0 as undefined.
#
# Output:
#> undefined          python ExtType(code=0, data=b'\x00') -> javascript undefined
#> null               python None -> javascript null
#> Uint8Array 0       python ExtType(code=0, data=b'\x00') -> javascript undefined
#> Uint8Array 8 bytes python ExtType(code=0, data=b'\x00\x00\x00\x00\x00\x00\x03\xe8') -> javascript Date 1970-01-01T00:00:01.000Z
#> Buffer 8 bytes     python b'\x00\x00\x00\x00\x00\x00\x03\xe8' -> javascript Buffer 00000000000003e8

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund socket.io-msgpack-parser@3.0.2 notepack.io@2.2.0 socket.io-client@4.8.4

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore python-socketio==5.18.1 aiohttp==3.14.5 msgpack==1.2.4

cat > probe.py <<'PROBE'
import asyncio
import sys
import socketio
from aiohttp import web


async def main():
    server = socketio.AsyncServer(async_mode="aiohttp", serializer="msgpack")

    @server.on("relay")
    async def relay(sid, value):
        return [repr(value), value]

    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    probe = await asyncio.create_subprocess_exec("node", "probe.mjs", str(runner.addresses[0][1]))
    code = await asyncio.wait_for(probe.wait(), 60)
    await runner.cleanup()
    sys.exit(code)


asyncio.run(main())
PROBE
cat > probe.mjs <<'PROBE'
import { io } from "socket.io-client";
import parser from "socket.io-msgpack-parser";

const socket = io(`http://127.0.0.1:${process.argv[2]}`, { transports: ["websocket"], parser });
const show = (value) => {
  if (value instanceof Date) return `Date ${value.toISOString()}`;
  return Buffer.isBuffer(value) ? `Buffer ${value.toString("hex")}` : String(value);
};
const bytes = [0, 0, 0, 0, 0, 0, 3, 232];
const cases = {
  undefined: undefined, null: null, "Uint8Array 0": new Uint8Array([0]), "Uint8Array 8 bytes": new Uint8Array(bytes),
  "Buffer 8 bytes": Buffer.from(bytes),
};
for (const [name, value] of Object.entries(cases)) {
  const [seen, returned] = await socket.timeout(20_000).emitWithAck("relay", value);
  console.log(`${name.padEnd(18)} python ${seen} -> javascript ${show(returned)}`);
}
socket.close();
PROBE
timeout 90 venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
