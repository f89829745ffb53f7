#!/usr/bin/env bash
# Ruuvi sensors: a temperature that is not there is -163.835, and without acceleration there is no reading
#
# Versions: ojousima.ruuvi_endpoints.ts 4.1.0 (npm), ruuvi-decoders 0.2.0 (PyPI).
# Expected: each field of data format 5 has one value that says "not available", such as 8000 for a temperature. That field
# has no value then, and all others have theirs (Ruuvi's data format 5, RAWv2).
# Seen: the npm package returns -163.835 degrees, and 3.647 V for a battery voltage that is not available. The PyPI package
# drops all that a sensor says if one axis of its acceleration is not available.
#
# Output:
#> all there: JavaScript 24.3 C, 2.977 V, x 0.004; Python 24.3 C, 2.977 V, x 0.004
#> no temperature: JavaScript -163.835 C, 2.977 V, x 0.004; Python null C, 2.977 V, x 0.004
#> no voltage: JavaScript 24.3 C, 3.647 V, x 0.004; Python 24.3 C, null V, x 0.004
#> no acceleration: JavaScript 24.3 C, 2.977 V, x null; Python nothing

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ojousima.ruuvi_endpoints.ts@4.1.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore ruuvi-decoders==0.2.0

cat > probe.cjs <<'PROBE'
const { df5parser } = require("ojousima.ruuvi_endpoints.ts");

for (const [what, temperature, acceleration, power] of [
  ["all there", "12fc", "0004fffc040c", "ac36"],
  ["no temperature", "8000", "0004fffc040c", "ac36"],
  ["no voltage", "12fc", "0004fffc040c", "fff6"],
  ["no acceleration", "12fc", "800080008000", "ac36"],
]) {
  const sent = `05${temperature}5394c37c${acceleration}${power}4200cdcbb8334c884f`;
  const read = df5parser(Uint8Array.from(Buffer.from(sent, "hex")));
  console.log(JSON.stringify([what, sent, [read.temperatureC, read.batteryVoltageV, read.accelerationXG]]));
}
PROBE
cat > probe.py <<'PROBE'
import json
import logging
import sys

from ruuvi_decoders import Df5Decoder

logging.disable()


def described(values):
    temperature, voltage, x = (json.dumps(value) for value in values)
    return f"{temperature} C, {voltage} V, x {x}"


for what, sent, javascript in map(json.loads, sys.stdin):
    read = Df5Decoder().decode_data(sent)
    python = "nothing"
    if read is not None:
        thousandths = read["battery"], read["acceleration_x"]
        python = described((read["temperature"], *(n if n is None else n / 1000 for n in thousandths)))
    print(f"{what}: JavaScript {described(javascript)}; Python {python}")
PROBE
node probe.cjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
