#!/usr/bin/env bash
# InfluxDB's line protocol in Python: a float has six digits
#
# Versions: influx-line-protocol 0.1.5, line-protocol-parser 2.0.1 (PyPI).
# Expected: a float of the line protocol is a 64-bit floating-point number, says InfluxDB's reference ("Data types and format").
# The libraries of InfluxDB write as many digits as a number needs.
# Seen: influx-line-protocol writes the six digits of `%g`. A latitude is off by up to five metres, and a longitude beyond 100
# degrees by up to fifty. A counter that is a float stands still for ten steps, and a time in seconds is off by more than an
# hour. Nothing fails, as each line is valid.
#
# Output:
#> latitude=52.5162746: station latitude=52.5163 is read as 52.5163
#> longitude=139.7454316: station longitude=139.745 is read as 139.745
#> total=1234566.0: station total=1.23457e+06 is read as 1234570.0
#> total=1234574.0: station total=1.23457e+06 is read as 1234570.0
#> seconds=1764561999.25: station seconds=1.76456e+09 is read as 1764560000.0
#> celsius=21.5: station celsius=21.5 is read as 21.5

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  influx-line-protocol==0.1.5 line-protocol-parser==2.0.1

cat > probe.py <<'PROBE'
from influx_line_protocol import Metric
from line_protocol_parser import parse_line

for name, value in (
    ("latitude", 52.5162746),
    ("longitude", 139.7454316),
    ("total", 1234566.0),
    ("total", 1234574.0),
    ("seconds", 1764561999.25),
    ("celsius", 21.5),
):
    metric = Metric("station")
    metric.add_value(name, value)
    line = str(metric)
    print(f"{name}={value!r}: {line} is read as {parse_line(line)['fields'][name]!r}")
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
