#!/usr/bin/env bash
# ISO 8601 in JavaScript: the last day of 2026 is in December 2028
#
# Versions: dayjs 1.11.23, luxon 3.7.2, moment 2.31.0, date-fns 4.4.0 (npm).
# Expected: `2026-365` is an ordinal date, the 31st of December 2026 (ISO 8601-1, section 5.2.3). Day.js says that it parses
# ISO 8601; what it does not know should be invalid.
# Seen: Day.js takes the first two digits of the day for a month and the third for a day: `2026-365` is the 5th of the 36th month,
# and `2026-001` is in 2025. `isValid()` is true for each. The other three read the date.
#
# Output:
#> 2026-001 dayjs 2025-12-01 valid, luxon 2026-01-01, moment 2026-01-01, date-fns 2026-01-01
#> 2026-100 dayjs 2026-09-30 valid, luxon 2026-04-10, moment 2026-04-10, date-fns 2026-04-10
#> 2026-334 dayjs 2028-09-04 valid, luxon 2026-11-30, moment 2026-11-30, date-fns 2026-11-30
#> 2026-365 dayjs 2028-12-05 valid, luxon 2026-12-31, moment 2026-12-31, date-fns 2026-12-31

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund dayjs@1.11.23 luxon@3.7.2 moment@2.31.0 date-fns@4.4.0

cat > probe.mjs <<'PROBE'
import { format, parseISO } from "date-fns";
import dayjs from "dayjs";
import { DateTime } from "luxon";
import moment from "moment";

for (const text of ["2026-001", "2026-100", "2026-334", "2026-365"]) {
  const parsed = dayjs(text);
  console.log(
    text,
    `dayjs ${parsed.format("YYYY-MM-DD")} ${parsed.isValid() ? "valid" : "invalid"},`,
    `luxon ${DateTime.fromISO(text).toISODate()}, moment ${moment(text, moment.ISO_8601).format("YYYY-MM-DD")},`,
    `date-fns ${format(parseISO(text), "yyyy-MM-dd")}`,
  );
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
