#!/usr/bin/env bash
# nsyslog-parser: what looks like structured data in a message cuts the message
#
# Version: nsyslog-parser 0.10.1 (npm).
# Expected: the structured data of RFC 5424 stands before the message (section 6), and the parser "Parses IETF Structured data"
# (its README). A value ends at a quote that is not escaped, so it may contain blanks and "=" (section 6.3.3). An element may
# have a registered name, such as timeQuality, which has no "@" (section 7).
# Seen: elements are looked for in the whole rest of the line. One that the message quotes becomes structured data, and a part
# of the message is gone. A value is split at its blanks and becomes two. An element with a registered name is lost if it is the
# first, and its remains begin the message; `logger --rfc5424` of util-linux sends such a one with each line.
#
# Output:
#> - refused [item id="8"] twice
#>   data [{"$id":"item","id":"8"}], message "refused"
#> [order@32473 id="7"] refused [item id="8"] twice
#>   data [{"$id":"order@32473","id":"7"},{"$id":"item","id":"8"}], message "twice"
#> [call@32473 query="state=paid sort=id"] done
#>   data [{"$id":"call@32473","query":"state=paid","sort":"id"}], message "done"
#> [timeQuality tzKnown="1" isSynced="1"] done
#>   data [], message "tzKnown=\"1\" isSynced=\"1\"] done"

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund nsyslog-parser@0.10.1

cat > probe.cjs <<'PROBE'
const parse = require("nsyslog-parser");

for (const rest of [
  '- refused [item id="8"] twice',
  '[order@32473 id="7"] refused [item id="8"] twice',
  '[call@32473 query="state=paid sort=id"] done',
  '[timeQuality tzKnown="1" isSynced="1"] done',
]) {
  const { structuredData, message } = parse(`<165>1 2026-12-01T10:00:00Z shop-1 orders 12 ID47 ${rest}`);
  console.log(rest);
  console.log(`  data ${JSON.stringify(structuredData)}, message ${JSON.stringify(message)}`);
}
PROBE
node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
