#!/usr/bin/env bash
# prometheus_client answers in OpenMetrics even to who says that it is unacceptable
#
# Version: prometheus_client 0.26.0 (PyPI), `choose_encoder`, which its WSGI, ASGI and HTTP servers use.
# Expected: the Accept header has weights (RFC 9110, section 12.4.2): the highest is preferred, and `q=0` means "not acceptable".
# Seen: the weights are not read. Any mention of OpenMetrics wins, also with q=0. A reader that is only ready for the text
# format and says so the proper way gets the other one, with `# EOF`, seconds for milliseconds in timestamps, and counters under
# another name in TYPE.
#
# Output:
#> text/plain                                                            -> text/plain
#> text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.1     -> application/openmetrics-text
#> text/plain;version=0.0.4,application/openmetrics-text;q=0             -> application/openmetrics-text

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore prometheus_client==0.26.0

cat > probe.py <<'PROBE'
from prometheus_client.exposition import choose_encoder

for accept in (
    "text/plain",
    "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.1",
    "text/plain;version=0.0.4,application/openmetrics-text;q=0",
):
    print(f"{accept:69} -> {choose_encoder(accept)[1].split(';')[0]}")
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
