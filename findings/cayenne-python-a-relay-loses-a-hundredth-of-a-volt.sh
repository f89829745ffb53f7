#!/usr/bin/env bash
# Cayenne LPP in Python: a value that is read and written again is 0.01 V less
#
# Version: pycayennelpp 2.4.0 (PyPI).
# Expected: a voltage or an analogue value has two decimals, a current has three, and each travels as an integer. What a relay
# has read it can write.
# Seen: the value times 100 is cut off, not rounded. 4.1 * 100 is 409.99999999999994, and becomes 409. That happens to 2,292 of
# the first 32,768 voltages. Temperatures are rounded.
#
# Output:
#> voltage: 4.1 becomes 4.09, 2292 of 32768 values are lower when written again
#> analog input: 2.3 becomes 2.29, 2292 of 32768 values are lower when written again
#> temperature: 21.3 becomes 21.3, 0 of 32768 values are lower when written again
#> current: 1.001 becomes 1.0, 372 of 32768 values are lower when written again

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore pycayennelpp==2.4.0

cat > probe.py <<'PROBE'
from cayennelpp import LppFrame


def written(kind, value):
    frame = LppFrame()
    getattr(frame, f"add_{kind}")(1, value)
    return bytes(frame)


def read(data):
    return LppFrame.from_bytes(data).data[0].value[0]


for kind, example in (("voltage", 4.1), ("analog_input", 2.3), ("temperature", 21.3), ("current", 1.001)):
    head = written(kind, 0)[:2]
    frames = [head + raw.to_bytes(2, "big") for raw in range(1 << 15)]
    lower = sum(written(kind, read(frame)) < frame for frame in frames)
    print(f"{kind.replace('_', ' ')}: {example} becomes {read(written(kind, example))}, "
          f"{lower} of {len(frames)} values are lower when written again")
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
