#!/usr/bin/env bash
# kpn-senml: behind a gateway, the first device has the gateway's name, and the second one the first one's base value
#
# Versions: kpn-senml 1.0.1, cbor2 6.2.1 (PyPI).
# Expected: a pack in a pack is a device behind a gateway, and each pack has its own name and base value (the package's
# documentation). In SenML, a base field holds for all records after it until the next one of its kind (RFC 8428, section 4).
# Seen: if the gateway has no record of its own, its name replaces that of the first device. A base value is never ended, so
# each reader adds it to the values of the devices that follow, too: 25 degrees in the attic are 35.
#
# Output:
#> [{"n": "temperature", "v": 2, "bn": "gateway:", "bv": 10}, {"n": "temperature", "v": 25, "bn": "attic:"}]
#> cellar:temperature 12 is gateway:temperature 12
#> attic:temperature 25 is attic:temperature 35

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  kpn-senml==1.0.1 cbor2==6.2.1

cat > probe.py <<'PROBE'
import json

from kpn_senml import SenmlPack, SenmlRecord

gateway, cellar, attic = SenmlPack("gateway:"), SenmlPack("cellar:"), SenmlPack("attic:")
cellar.base_value = 10
cellar.add(SenmlRecord("temperature", value=12))
attic.add(SenmlRecord("temperature", value=25))
gateway.add(cellar)
gateway.add(attic)
text = gateway.to_json()
print(text)
base = {}
for record, given in zip(json.loads(text), ("cellar:temperature 12", "attic:temperature 25")):
    base.update(record)
    print(given, "is", base["bn"] + record["n"], record["v"] + base["bv"])
PROBE
timeout 60 venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
