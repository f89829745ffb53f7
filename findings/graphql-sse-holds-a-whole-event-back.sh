#!/usr/bin/env bash
# graphql-sse: a whole event is not delivered while a part of the next one has arrived, and is lost if the rest never comes
#
# Versions: graphql-sse 2.6.1, graphql 16.14.0 (npm).
# Expected: WHATWG HTML, section 9.2.6: an event is dispatched at the empty line after it, whatever follows.
# Seen: the client's parser hands its events over only if the bytes it has end with a line. TCP cuts where it likes, so the
# event waits for the rest of the next one. If the connection breaks there, the client gets only the error. It has no ids of
# events to ask again with, so what the server sent, and the network delivered, is gone.
#
# Output:
#> event 1                            event 1 at once, then event 2, then complete
#> event 1 and half of event 2        nothing at once, then event 1, then event 2, then complete
#> event 1, half of event 2, a break  nothing at once, then an error

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund graphql-sse@2.6.1 graphql@16.14.0

cat > probe.mjs <<'PROBE'
import http from "node:http";
import { createClient } from "graphql-sse";
import { setTimeout as sleep } from "node:timers/promises";

const event = (number) => `event: next\ndata: ${JSON.stringify({ data: { number } })}\n\n`;
let mode, log;
const server = http.createServer(async (request, response) => {
  request.resume();
  response.writeHead(200, { "content-type": "text/event-stream" });
  const half = mode === "event 1" ? 0 : 20;
  response.write(event(1) + event(2).slice(0, half));
  await sleep(1500);
  if (log.length === 0) log.push("nothing");
  log[0] += " at once";
  if (mode.endsWith("a break")) return response.destroy();
  response.write(event(2).slice(half));
  await sleep(200);
  response.end("event: complete\ndata: \n\n");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
for (mode of ["event 1", "event 1 and half of event 2", "event 1, half of event 2, a break"]) {
  log = [];
  const client = createClient({ url: `http://127.0.0.1:${server.address().port}/`, retryAttempts: 0 });
  await new Promise((resolve) => {
    client.subscribe({ query: "subscription { number }" }, {
      next: ({ data }) => log.push(`event ${data.number}`),
      error: () => resolve(log.push("an error")),
      complete: () => resolve(log.push("complete")),
    });
  });
  console.log(mode.padEnd(34), log.join(", then "));
}
server.closeAllConnections();
server.close();
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
