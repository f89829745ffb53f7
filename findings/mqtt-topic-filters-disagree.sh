#!/usr/bin/env bash
# MQTT topic filters: libraries disagree with the broker about an empty level, a last slash and $SYS
#
# Versions: mqtt-pattern 2.1.1, mqtt-match 3.0.0, mqtt-wildcard 3.0.9, mqtt-regex 1.1.0 (npm), paho-mqtt 2.2.0 (PyPI).
# Expected: MQTT 5.0, section 4.7.1.3: `sport/+` matches `sport/`. Section 4.7.3: a slash at the end makes another topic.
# Section 4.7.2: a filter that begins with a wildcard does not match a topic that begins with $. paho-mqtt has all three right.
# Seen: mqtt-pattern and mqtt-regex match no empty level, so a handler never hears what its own subscription brings. mqtt-regex
# also takes `a/b/` for `a/b`. All four give the broker's $SYS messages to the handlers of `#` and `+/load`.
#
# Output:
#> filter    topic      expected mqtt-pattern mqtt-match mqtt-wildcard mqtt-regex paho-mqtt
#> sport/+   sport/x    yes      yes          yes        yes           yes        yes
#> sport/+   sport/     yes      no           yes        yes           no         yes
#> +/finish  /finish    yes      no           yes        yes           no         yes
#> a/+/c     a//c       yes      no           yes        yes           no         yes
#> a/b       a/b/       no       no           no         no            yes        no
#> #         $SYS/load  no       yes          yes        yes           yes        no
#> +/load    $SYS/load  no       yes          yes        yes           yes        no

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund mqtt-pattern@2.1.1 mqtt-match@3.0.0 mqtt-wildcard@3.0.9 mqtt-regex@1.1.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore paho-mqtt==2.2.0

cat > cases.json <<'PROBE'
[
  ["sport/+", "sport/x", "yes"], ["sport/+", "sport/", "yes"], ["+/finish", "/finish", "yes"], ["a/+/c", "a//c", "yes"],
  ["a/b", "a/b/", "no"], ["#", "$SYS/load", "no"], ["+/load", "$SYS/load", "no"]
]
PROBE
cat > probe.cjs <<'PROBE'
const pattern = require("mqtt-pattern"), match = require("mqtt-match");
const wildcard = require("mqtt-wildcard"), regex = require("mqtt-regex");
const row = (cells) => console.log(cells.map((cell, index) => cell.padEnd([9, 10, 8, 12, 10, 13, 10][index])).join(" "));
row(["filter", "topic", "expected", "mqtt-pattern", "mqtt-match", "mqtt-wildcard", "mqtt-regex"]);
for (const [filter, topic, expected] of require("./cases.json")) {
  const found = [
    pattern.matches(filter, topic), match(filter, topic), wildcard(topic, filter) !== null, regex(filter).regex.test(topic),
  ];
  row([filter, topic, expected, ...found.map((yes) => (yes ? "yes" : "no"))]);
}
PROBE
cat > probe.py <<'PROBE'
import json
from paho.mqtt.client import topic_matches_sub

print("paho-mqtt")
for topic_filter, topic, _ in json.load(open("cases.json")):
    print("yes" if topic_matches_sub(topic_filter, topic) else "no")
PROBE
paste -d ' ' <(node probe.cjs) <(venv/bin/python probe.py) | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
