#!/usr/bin/env bash
# Server-sent events: a block that only sets the retry time arrives as an event with empty data
#
# Versions: httpx-sse 0.4.3, sseclient-py 1.9.0 (PyPI), github.com/r3labs/sse 2.10.0 (Go).
# Expected: the specification (HTML, section 9.2.6) dispatches nothing for a block without a `data` line. Many servers open
# their streams with such a block, to set the time after which a client reconnects, or send one with only an `id`.
# Seen: httpx-sse and the Go client hand over an event with empty data for it. A handler that reads its data as JSON fails
# on the first event of each connection, and a counter of events counts too many. sseclient-py does it right.
#
# Output:
#> httpx-sse    ['', '', '{"order": 1}']
#> sseclient-py ['{"order": 1}']
#> r3labs/sse   ["" "" "{\"order\": 1}"]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  httpx-sse==0.4.3 httpx==0.28.1 sseclient-py==1.9.0
go mod init probe 2> /dev/null
go get github.com/r3labs/sse/v2@v2.10.0 2> /dev/null

cat > server.py <<'PROBE'
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Stream(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b'retry: 3000\n\nid: 7\n\ndata: {"order": 1}\n\n')

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
print(f"http://127.0.0.1:{server.server_port}/", file=open("address", "w"))
server.serve_forever()
PROBE
cat > probe.py <<'PROBE'
import sys
import httpx
import httpx_sse
import sseclient

with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", sys.argv[1]) as source:
    print("httpx-sse   ", [event.data for event in source.iter_sse()])
with httpx.stream("GET", sys.argv[1]) as response:
    print("sseclient-py", [event.data for event in sseclient.SSEClient(response.iter_bytes()).events()])
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/r3labs/sse/v2"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	events := []string{}
	sse.NewClient(os.Args[1]).SubscribeRawWithContext(ctx, func(event *sse.Event) {
		events = append(events, string(event.Data))
		if len(event.Data) > 0 {
			cancel()
		}
	})
	fmt.Printf("r3labs/sse   %q\n", events)
}
PROBE
python3 server.py &
server=$!
until [ -s address ]; do sleep 0.1; done
{ venv/bin/python probe.py "$(cat address)"; go run probe.go "$(cat address)"; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
