#!/usr/bin/env bash
# Server-sent events: half an event is delivered when the connection ends in the middle of it
#
# Versions: httpx-sse 0.4.3, sseclient-py 1.9.0 (PyPI), github.com/r3labs/sse 2.10.0 (Go).
# Expected: the specification (HTML, section 9.2.6) discards what is pending when the stream ends before the blank line.
# Seen: sseclient-py and the Go client hand over the lines that came. With an event of three `data` lines, the user gets the
# first one as if it were the whole. If a client resumes from the id of such an event, the server does not send the event
# again. httpx-sse does it right.
#
# Output:
#> httpx-sse    [('7', 'first line\nsecond line')]
#> sseclient-py [('7', 'first line\nsecond line'), ('8', 'first line')]
#> r3labs/sse   [7 "first line\nsecond line" 8 "first line"]

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
        self.wfile.write(b"id: 7\ndata: first line\ndata: second line\n\nid: 8\ndata: first line\n")

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
    print("httpx-sse   ", [(event.id, event.data) for event in source.iter_sse()])
with httpx.stream("GET", sys.argv[1]) as response:
    print("sseclient-py", [(event.id, event.data) for event in sseclient.SSEClient(response.iter_bytes()).events()])
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
		events = append(events, fmt.Sprintf("%s %q", event.ID, event.Data))
		if string(event.ID) == "8" {
			cancel()
		}
	})
	fmt.Println("r3labs/sse  ", events)
}
PROBE
python3 server.py &
server=$!
until [ -s address ]; do sleep 0.1; done
{ venv/bin/python probe.py "$(cat address)"; go run probe.go "$(cat address)"; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
