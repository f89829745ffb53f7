#!/usr/bin/env bash
# Rate limits in JavaScript: `Retry-After: 120` is a moment in 1970
#
# Version: ratelimit-header-parser 0.1.0 (npm).
# Expected: RFC 9110, section 10.2.3: `Retry-After` is a number of seconds from now, or an HTTP-date. The parser falls back to it
# where a response has a limit and what remains of it, but no `Reset`.
# Seen: it takes the seconds for a Unix time. A client that waits until `reset` does not wait, and each of its requests is
# refused. A date is an invalid Date. In `X-RateLimit-Reset`, both are read as they are meant.
#
# Output:
#> x-ratelimit-reset: 120: in two minutes
#> retry-after: 120: 1970-01-01T00:02:00.000Z
#> x-ratelimit-reset: a date in two minutes: in two minutes
#> retry-after: a date in two minutes: Invalid Date

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ratelimit-header-parser@0.1.0

cat > probe.mjs <<'PROBE'
import { parseRateLimit } from "ratelimit-header-parser";

const date = new Date(Date.now() + 120_000).toUTCString();
for (const [title, header] of [
  ["x-ratelimit-reset: 120", { "x-ratelimit-reset": "120" }],
  ["retry-after: 120", { "retry-after": "120" }],
  ["x-ratelimit-reset: a date in two minutes", { "x-ratelimit-reset": date }],
  ["retry-after: a date in two minutes", { "retry-after": date }],
]) {
  const { reset } = parseRateLimit({ "x-ratelimit-limit": "100", "x-ratelimit-remaining": "0", ...header });
  const seconds = (reset - Date.now()) / 1000;
  const moment = Number.isNaN(seconds) ? String(reset) : reset.toISOString();
  console.log(`${title}: ${seconds > 60 && seconds <= 120 ? "in two minutes" : moment}`);
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
