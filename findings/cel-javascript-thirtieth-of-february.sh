#!/usr/bin/env bash
# CEL in JavaScript takes the 30th of February for the 2nd of March
#
# Version: @bufbuild/cel 0.6.1, @marcbachmann/cel-js 8.0.0 (npm).
# Expected: `timestamp()` takes RFC 3339, where a day must exist in its month; Go, Python and Rust refuse this one.
# Seen: two independent libraries roll over to March, as JavaScript's Date does. A typing mistake in a rule or in data
# moves a date and reports nothing; the 32nd is refused.
#
# Output:
#> 2026-02-28: month 2 (bufbuild)
#> 2026-02-28: month 2 (marcbachmann)
#> 2026-02-30: month 3 (bufbuild)
#> 2026-02-30: month 3 (marcbachmann)
#> 2026-04-31: month 5 (bufbuild)
#> 2026-04-31: month 5 (marcbachmann)
#> 2026-04-32: month refused (bufbuild)
#> 2026-04-32: month refused (marcbachmann)

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @bufbuild/cel@0.6.1 @marcbachmann/cel-js@8.0.0

cat > probe.mjs <<'PROBE'
import { run } from "@bufbuild/cel";
import { evaluate } from "@marcbachmann/cel-js";

for (const day of ["02-28", "02-30", "04-31", "04-32"]) {
  const expression = `timestamp("2026-${day}T00:00:00Z").getMonth() + 1`;
  for (const [name, library] of [["bufbuild", run], ["marcbachmann", evaluate]]) {
    let answer;
    try {
      answer = library(expression, {});
      if (typeof answer !== "bigint") answer = "refused";
    } catch {
      answer = "refused";
    }
    console.log(`2026-${day}: month ${answer} (${name})`);
  }
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
