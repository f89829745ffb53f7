#!/usr/bin/env bash
# nmea-simple: a position in whole minutes, or none at all, is 0° north and 0° east
#
# Version: nmea-simple 3.3.0 (npm).
# Expected: `5230` is 52 degrees and 30 minutes. "The decimal point and associated decimal-fraction are optional if full
# resolution is not required" (NMEA 0183, field type summary). An empty field has no value: so says a receiver without a fix.
# Seen: both are 0, a place in the sea off Africa, and the first one is "valid". Whoever writes what was read, for another
# device, sends that place on as if it had been measured. A time loses the fraction of its second on the way.
#
# Output:
#> 5230.0,N,01324.0,E is 52.5 13.4, valid
#> 5230,N,01324,E is 0 0, valid
#> ,,, is 0 0, and it is written as 0000.000000,N,00000.000000,E
#> 120000.25 is 12:00:00.250, and it is written as 120000

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund nmea-simple@3.3.0

cat > probe.cjs <<'PROBE'
const { encodeNmeaPacket, parseNmeaSentence } = require("nmea-simple");

const read = (body) => {
  const sum = [...body].reduce((sum, char) => sum ^ char.charCodeAt(0), 0);
  return parseNmeaSentence(`$${body}*${sum.toString(16).toUpperCase().padStart(2, "0")}`);
};
for (const place of ["5230.0,N,01324.0,E", "5230,N,01324,E"]) {
  const { latitude, longitude, status } = read(`GPGLL,${place},120000,A,A`);
  console.log(`${place} is ${latitude} ${longitude}, ${status}`);
}
const packet = read("GPGGA,120000.25,,,,,0,00,99.9,,M,,M,,");
const [, time, ...place] = encodeNmeaPacket(packet, "GP").split(",").slice(0, 6);
console.log(`,,, is ${packet.latitude} ${packet.longitude}, and it is written as ${place}`);
console.log(`120000.25 is ${packet.time.toISOString().slice(11, 23)}, and it is written as ${time}`);
PROBE
node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
