#!/usr/bin/env bash
# epc-tds: the serial number of a tag ends at its first dot
#
# Version: epc-tds 1.4.1 (npm).
# Expected: what toTagURI() writes, fromTagURI() reads. In a tag URI, a serial number has the characters `!'()*+,-.:;=_` as they
# are, and `"%&/<>?` as escapes: the serial number 32a/b is the standard's own example, with `32a%2Fb` at its end (GS1 EPC Tag
# Data Standard, grammar of GS3A3Char).
# Seen: a dot or a colon ends the number, so 2026.12.01 and 2026.12.02 become one tag. Escapes are neither written
# nor read: `%2F` is three characters of the number, and the chip gets another code than from other software.
#
# Output:
#> 2026 is in the URI as 2026, and is read as 2026
#> 2026.12.01 is in the URI as 2026.12.01, and is read as 2026
#> LOT:7 is in the URI as LOT:7, and is read as LOT
#> 32a/b is in the URI as 32a/b, and is read as 32a/b
#> the example of the standard is read as 32a%2Fb

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund epc-tds@1.4.1

cat > probe.cjs <<'PROBE'
const { Sgtin198 } = require("epc-tds");

const start = "urn:epc:tag:sgtin-198:3.0614141.712345.";
for (const serial of ["2026", "2026.12.01", "LOT:7", "32a/b"]) {
  const tag = new Sgtin198().setFilter(3).setPartition(5).setGtin("70614141123451").setSerial(serial);
  const uri = tag.toTagURI();
  const read = Sgtin198.fromTagURI(uri).getSerial();
  console.log(`${serial} is in the URI as ${uri.replace(start, "")}, and is read as ${read}`);
}
console.log(`the example of the standard is read as ${Sgtin198.fromTagURI(`${start}32a%2Fb`).getSerial()}`);
PROBE
node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
