#!/usr/bin/env bash
# UUID version 7: the ids of PyPI's uuid7 lie in the year 2203 for everybody else
#
# Versions: uuid7 0.1.0, uuid6 2025.0.1 (PyPI), uuid 14.0.3 (npm).
# Expected: RFC 9562, section 5.7: the first 48 bits of a version 7 are the time in milliseconds, so ids of all services
# sort by time together, and a database can read the time from an id.
# Seen: the package uuid7 follows an early draft, with the time in units of 1/16 second at the start. Its ids say version 7,
# and every reader takes them for ids of the year 2203. They sort after all ids of the other libraries.
#
# Output:
#> uuid6 (PyPI) version 7, made now
#> uuid7 (PyPI) version 7, made more than a century ahead
#> uuid (npm)   version 7, made now
#> in order of the ids, the last is of uuid7 (PyPI)

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore uuid7==0.1.0 uuid6==2025.0.1
npm install --silent --no-audit --no-fund uuid@14.0.3

cat > probe.py <<'PROBE'
import subprocess
import time
import uuid6
import uuid_extensions

ids = {
    "uuid6 (PyPI)": str(uuid6.uuid7()),
    "uuid7 (PyPI)": str(uuid_extensions.uuid7()),
    "uuid (npm)": subprocess.check_output(["node", "-p", "require('uuid').v7()"], text=True).strip(),
}
for name, one in ids.items():
    ahead = (int(one.replace("-", "")[:12], 16) / 1000 - time.time()) / 31556952
    print(f"{name:12} version {one[14]}, made {'more than a century ahead' if ahead > 100 else 'now'}")
print("in order of the ids, the last is of", max(ids, key=ids.get))
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
