#!/usr/bin/env bash
# pip takes Grafana 10.1's builders for the newest grafana-foundation-sdk
#
# Version: grafana-foundation-sdk as served on PyPI; the release that was meant is 0.0.21.
# Expected: `grafana-foundation-sdk>=0.0.21` installs 0.0.21 or a later one of its series.
# Seen: releases for single Grafana versions are on PyPI too, with the time of their build as the epoch: `1769699998!10.1.0`. An
# epoch outranks every version without one, so pip installs builders that write dashboards for Grafana 10.1. A resolver that
# is asked for an upper bound (`<1`) gets the right one; a plain or open requirement never does.
#
# Output:
#> grafana-foundation-sdk>=0.0.21: a version with an epoch, for Grafana 10
#> grafana-foundation-sdk>=0.0.21,<1: a version without an epoch

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
for requirement in "grafana-foundation-sdk>=0.0.21" "grafana-foundation-sdk>=0.0.21,<1"; do
  python3 -m pip --python venv/bin/python install --quiet --no-deps --dry-run --report report.json --root-user-action ignore "$requirement"
  python3 - "$requirement" <<'PROBE'
import json
import sys

version = json.load(open("report.json"))["install"][0]["metadata"]["version"]
epoch, _, release = version.rpartition("!")
print(f"{sys.argv[1]}: a version", f"with an epoch, for Grafana {release.split('.')[0]}" if epoch else "without an epoch")
PROBE
done | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
