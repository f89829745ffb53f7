#!/usr/bin/env bash
# Standard Webhooks in Python: a signature for 14:00 in Berlin is one for 14:00 UTC
#
# Versions: standardwebhooks 1.1.0, svix 2.9.1 (PyPI), standardwebhooks 1.1.1 (npm).
# Expected: `sign` takes a datetime. The specification has the signature cover the header `webhook-timestamp`, whole seconds
# since 1970, so two datetimes that are the same moment have one signature.
# Seen: it replaces the time zone with UTC and keeps the clock's reading. A local time, with its zone or without, gives a
# signature for another moment, which every receiver refuses. On a server in UTC, and for times in UTC, nothing is wrong.
#
# Output:
#> now in UTC                standardwebhooks accepted, svix accepted
#> now in Berlin             standardwebhooks No matching signature found, svix No matching signature found
#> datetime.now() in UTC     standardwebhooks accepted, svix accepted
#> datetime.now() in Berlin  standardwebhooks No matching signature found, svix No matching signature found

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund standardwebhooks@1.1.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  standardwebhooks==1.1.0 svix==2.9.1 tzdata==2026.6

cat > probe.py <<'PROBE'
import json
import sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
import standardwebhooks
import svix

for name, time in {"UTC": datetime.now(timezone.utc), "Berlin": datetime.now(ZoneInfo("Europe/Berlin"))}.items():
    if sys.argv[1] == "naive":
        name, time = f"datetime.now() in {sys.argv[2]}", datetime.now()
    else:
        name = f"now in {name}"
    signatures = [library.Webhook("whsec_c2VjcmV0IGtleQ==").sign("msg_1", time, "{}") for library in (standardwebhooks, svix)]
    print(json.dumps([name, int(time.timestamp()), signatures]))
    if sys.argv[1] == "naive":
        break
PROBE
cat > probe.cjs <<'PROBE'
const { Webhook } = require("standardwebhooks");
const webhook = new Webhook("whsec_c2VjcmV0IGtleQ==");
for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
  const [name, timestamp, signatures] = JSON.parse(line);
  const results = signatures.map((signature) => {
    try {
      webhook.verify("{}", { "webhook-id": "msg_1", "webhook-timestamp": `${timestamp}`, "webhook-signature": signature });
      return "accepted";
    } catch (error) {
      return error.message;
    }
  });
  console.log(name.padEnd(25), `standardwebhooks ${results[0]}, svix ${results[1]}`);
}
PROBE
{
  venv/bin/python probe.py aware
  TZ=UTC venv/bin/python probe.py naive UTC
  TZ=CET-1CEST,M3.5.0,M10.5.0/3 venv/bin/python probe.py naive Berlin
} | node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
