#!/usr/bin/env bash
# KNX in JavaScript: a text of 14 bytes comes with its padding, and loses the eighth bit
#
# Versions: knx 2.5.4 (npm), xknx 4.0.0 (PyPI).
# Expected: a text of datapoint type 16 has 14 bytes and is filled up with zeros, which are not part of it. 16.001 is
# ISO 8859-1 (KNX Standard, Datapoint Types). xknx in Python reads it like this.
# Seen: the npm package returns the zeros too, so that no text equals the one that was sent, and reads 16.001 as ASCII, seven
# bits of each byte: Küche is written rightly and read as K|che.
#
# Output:
#> 16.000 "open": written 6f70656e00000000000000000000, JavaScript "open\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000", Python "open"
#> 16.001 "Küche": written 4bfc636865000000000000000000, JavaScript "K|che\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000", Python "Küche"

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund knx@2.5.4
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore xknx==4.0.0

cat > probe.cjs <<'PROBE'
const types = require("knx/src/dptlib");

for (const [number, text] of [["16.000", "open"], ["16.001", "Küche"]]) {
  const type = types.resolve(`DPT${number}`);
  const written = Buffer.from(type.formatAPDU(text));
  console.log(JSON.stringify([number, text, written.toString("hex"), types.fromBuffer(written, type)]));
}
PROBE
cat > probe.py <<'PROBE'
import json
import sys

from xknx.dpt import DPTArray, DPTLatin1, DPTString

for line in sys.stdin:
    if line.startswith("["):  # the package logs to the same output
        number, text, written, javascript = json.loads(line)
        reader = {"16.000": DPTString, "16.001": DPTLatin1}[number]
        python = reader.from_knx(DPTArray(tuple(bytes.fromhex(written))))
        print(f'{number} "{text}": written {written}, JavaScript {json.dumps(javascript)}, Python "{python}"')
PROBE
node probe.cjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
