#!/usr/bin/env bash
# prometheus_client: two metrics that the registry takes for different ones become one duplicate in the scrape
#
# Version: prometheus_client 0.26.0 (PyPI).
# Expected: the registry refuses a second metric of the same name ("Duplicated timeseries"), so what it accepts can be scraped. Since
# UTF-8 names are allowed, `http.requests` is a name of its own.
# Seen: `http.requests` and `http_requests` are both registered, and a scraper that does not ask for UTF-8 gets them under one
# name: two HELP, two TYPE, and twice the same series with different values. The library's own OpenMetrics parser refuses its
# own output. Nothing is logged; whether it happens depends on the Accept header of who asks.
#
# Output:
#> text/plain: http_requests 1.0, http_requests 2.0
#> openmetrics without UTF-8, read by the library itself: ValueError: Received metadata after samples: # HELP http_requests with an underscore
#> openmetrics with UTF-8: http.requests 1.0, http_requests 2.0

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore prometheus_client==0.26.0

cat > probe.py <<'PROBE'
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

registry = CollectorRegistry()
Gauge("http.requests", "with a dot", registry=registry).set(1)
Gauge("http_requests", "with an underscore", registry=registry).set(2)


def scrape(accept):
    encode, _ = choose_encoder(accept)
    return encode(registry).decode()


print("text/plain:", ", ".join(line for line in scrape("text/plain").splitlines() if not line.startswith("#")))
try:
    outcome = f"{len(list(parse(scrape('application/openmetrics-text;version=1.0.0'))))} families"
except ValueError as error:
    outcome = f"ValueError: {error}"
print("openmetrics without UTF-8, read by the library itself:", outcome)
families = parse(scrape("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"))
print("openmetrics with UTF-8:", ", ".join(f"{family.name} {family.samples[0].value}" for family in families))
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
