#!/usr/bin/env bash
# A relay that only forwards CloudEvents rewrites their `time`
#
# Version: cloudevents 10.0.0 (npm).
# Expected: `time` is an RFC 3339 timestamp that belongs to the producer. An intermediary that reads an event and sends it
# on leaves it alone.
# Seen: reading alone turns it into milliseconds and UTC; the producer's nanoseconds and its zone are gone. Events that lay
# a microsecond apart now have equal times, and a signature over the attributes no longer fits.
#
# Output:
#> received   2026-11-29T12:00:00.123456789+02:00
#> in memory  2026-11-29T10:00:00.123Z
#> binary     2026-11-29T10:00:00.123Z
#> structured 2026-11-29T10:00:00.123Z

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cloudevents@10.0.0

cat > probe.mjs <<'PROBE'
import { HTTP } from "cloudevents";

const received = { specversion: "1.0", id: "1", source: "/shop", type: "t", time: "2026-11-29T12:00:00.123456789+02:00" };
const event = HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: JSON.stringify(received) });
console.log("received  ", received.time);
console.log("in memory ", event.time);
console.log("binary    ", HTTP.binary(event).headers["ce-time"]);
console.log("structured", JSON.parse(HTTP.structured(event).body).time);
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
