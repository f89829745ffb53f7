#!/usr/bin/env bash
# Maidenhead locators: the North Pole has the locator of the South Pole, or one that no reader knows
#
# Versions: maidenhead 1.8.0 (PyPI), maidenhead 1.0.7 (npm).
# Expected: the first pair of letters goes from A to R. The pole is in the northernmost square, JR09ax for longitude 0, or
# is refused.
# Seen: the Python package rounds, and a letter beyond R begins again at A: from some ten metres before the pole, the
# locator is JA00aa, whose place is the South Pole. The npm package of the same name makes the letter S, which its own
# `valid` refuses.
#
# Output:
#> JavaScript 89.99: JR09ax, valid
#> JavaScript 90: JS00aa, not valid
#> Python 89.99: JR09ax, back: 89.96
#> Python 89.9999: JA00aa, back: -90.00
#> Python 90: JA00aa, back: -90.00

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund maidenhead@1.0.7
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore maidenhead==1.8.0

cat > probe.cjs <<'PROBE'
const Locator = require("maidenhead");

for (const latitude of [89.99, 90]) {
  const { locator } = new Locator(latitude, 0, 3);
  console.log(`JavaScript ${latitude}: ${locator}, ${Locator.valid(locator) ? "valid" : "not valid"}`);
}
PROBE
cat > probe.py <<'PROBE'
import maidenhead

for latitude in 89.99, 89.9999, 90:
    locator = maidenhead.to_maiden(latitude, 0)
    back, _ = maidenhead.to_location(locator)
    print(f"Python {latitude}: {locator}, back: {back:.2f}")
PROBE
{ node probe.cjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
