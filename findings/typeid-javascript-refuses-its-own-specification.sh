#!/usr/bin/env bash
# TypeID in JavaScript: ids from the specification's list of valid ones have no UUID
#
# Versions: typeid-js 1.2.0 (npm), typeid-python 0.3.11 (PyPI).
# Expected: a TypeID holds any 128 bits; writers should use UUIDv7, and readers must take every UUID (TypeID specification 0.3,
# with a list of valid ids for tests). typeid-python returns the UUIDs of that list.
# Seen: the npm package takes the text as a TypeID, and `toUUID` then fails unless the bits have a version and variant that
# its UUID library knows. So it cannot read back what its own `fromUUID` has made of such a UUID, nor ids that another
# language has made of a database key.
#
# Output:
#> user_01h455vb4pex5vsknk084sn02q: JavaScript 01890a5d-ac96-774b-bcce-b302099a8057, Python 01890a5d-ac96-774b-bcce-b302099a8057
#> 00000000000000000000000001: JavaScript fails, Python 00000000-0000-0000-0000-000000000001
#> 0000000000000000000000000g: JavaScript fails, Python 00000000-0000-0000-0000-000000000010
#> prefix_0123456789abcdefghjkmnpqrs: JavaScript fails, Python 0110c853-1d09-52d8-d73e-1194e95b5f19
#> 7zzzzzzzzzzzzzzzzzzzzzzzzz: JavaScript ffffffff-ffff-ffff-ffff-ffffffffffff, Python ffffffff-ffff-ffff-ffff-ffffffffffff

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund typeid-js@1.2.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore typeid-python==0.3.11

cat > probe.mjs <<'PROBE'
import { TypeID } from "typeid-js";

for (const text of [
  "user_01h455vb4pex5vsknk084sn02q",
  "00000000000000000000000001",
  "0000000000000000000000000g",
  "prefix_0123456789abcdefghjkmnpqrs",
  "7zzzzzzzzzzzzzzzzzzzzzzzzz",
]) {
  const id = TypeID.fromString(text);
  let read;
  try {
    read = id.toUUID();
  } catch {
    read = "fails";
  }
  console.log(`${text} ${read}`);
}
PROBE
cat > probe.py <<'PROBE'
import sys

from typeid import TypeID

for line in sys.stdin:
    text, javascript = line.split()
    print(f"{text}: JavaScript {javascript}, Python {TypeID.from_string(text).uuid}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
