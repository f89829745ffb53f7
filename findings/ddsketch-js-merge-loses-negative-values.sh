#!/usr/bin/env bash
# DDSketch in JavaScript: a merge loses the negative values
#
# Versions: @datadog/sketches-js 2.1.1 (npm), ddsketch 3.0.1 (PyPI).
# Expected: sketches of several systems can be merged in a central place, says the README of sketches-js: the result answers
# like one sketch that saw all values. The Python library of the same authors does so.
# Seen: JavaScript adds up the counts and keeps the least value, but it leaves the other sketch's negative values out. All
# quantiles are too high. Here the clocks of two groups of devices are off by -40 to 20 ms.
#
# Output:
#> JavaScript, one sketch: -35 -20 -5 (of 8, from -40)
#> JavaScript, merged:     -20 10 20 (of 8, from -40)
#> Python, one sketch:     -35 -20 -5 (of 8, from -40)
#> Python, merged:         -35 -20 -5 (of 8, from -40)

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund --ignore-scripts @datadog/sketches-js@2.1.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore ddsketch==3.0.1

cat > probe.cjs <<'PROBE'
const { DDSketch } = require("@datadog/sketches-js");

const sketch = (...values) => {
  const made = new DDSketch();
  for (const value of values) made.accept(value);
  return made;
};
const show = (title, made) =>
  console.log(title, [0.25, 0.5, 0.75].map((quantile) => Math.round(made.getValueAtQuantile(quantile))).join(" "), `(of ${made.count}, from ${made.min})`);
const merged = sketch(-30, -20, -10, 10);
merged.merge(sketch(-40, -35, -5, 20));
show("JavaScript, one sketch:", sketch(-30, -20, -10, 10, -40, -35, -5, 20));
show("JavaScript, merged:    ", merged);
PROBE
cat > probe.py <<'PROBE'
from ddsketch import DDSketch


def sketch(*values):
    made = DDSketch()
    for value in values:
        made.add(value)
    return made


def show(title, made):
    print(title, *(round(made.get_quantile_value(quantile)) for quantile in (0.25, 0.5, 0.75)), f"(of {made.count:g}, from {made._min})")


merged = sketch(-30, -20, -10, 10)
merged.merge(sketch(-40, -35, -5, 20))
show("Python, one sketch:    ", sketch(-30, -20, -10, 10, -40, -35, -5, 20))
show("Python, merged:        ", merged)
PROBE
{ node probe.cjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
