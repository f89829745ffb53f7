#!/usr/bin/env bash
# @stomp/stompjs: the header `C:\new` has a line break in it, even if the library wrote it itself
#
# Versions: @stomp/stompjs 7.5.0 (npm), stomp.py 9.0.0 (PyPI).
# Expected: STOMP 1.2, section "Value Encoding": a receiver turns `\n`, `\c`, `\r` and two backslashes back, each where it
# stands. A value that is escaped and read again is the same.
# Seen: the library replaces all `\n` first and two backslashes last. So of the two backslashes before an n the second one is
# taken with the n. Paths, LaTeX, regular expressions and Windows user names lose letters: n, r and c.
#
# Output:
#> sent          in the frame    stomp.py        @stomp/stompjs
#> "C:\\new"     C\c\\new        "C:\\new"       "C:\\\new"
#> "C:\\report"  C\c\\report     "C:\\report"    "C:\\\report"
#> "SHOP\\clara" SHOP\\clara     "SHOP\\clara"   "SHOP\\:lara"
#> "C:\\data"    C\c\\data       "C:\\data"      "C:\\data"
#> "10:30"       10\c30          "10:30"         "10:30"
#> "two\nlines"  two\nlines      "two\nlines"    "two\nlines"

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @stomp/stompjs@7.5.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore stomp.py==9.0.0

cat > probe.mjs <<'PROBE'
import { FrameImpl, Parser } from "@stomp/stompjs";

const results = [];
for (const path of ["C:\\new", "C:\\report", "SHOP\\clara", "C:\\data", "10:30", "two\nlines"]) {
  const headers = { destination: "/queue/files", path };
  const frame = FrameImpl.marshall({ command: "MESSAGE", headers, body: "hello", escapeHeaderValues: true });
  const parser = new Parser((raw) => {
    results.push({ path, frame, read: FrameImpl.fromRawFrame(raw, true).headers.path });
  }, () => {});
  parser.parseChunk(frame);
}
console.log(JSON.stringify(results));
PROBE
cat > probe.py <<'PROBE'
import json
import sys
from stomp.utils import parse_frame

row = "{:13} {:15} {:15} {}".format
print(row("sent", "in the frame", "stomp.py", "@stomp/stompjs"))
for case in json.load(sys.stdin):
    frame = case["frame"].encode()
    line = next(line for line in case["frame"].split("\n") if line.startswith("path:"))
    headers = parse_frame(frame).headers
    print(row(json.dumps(case["path"]), line.removeprefix("path:"), json.dumps(headers["path"]), json.dumps(case["read"])))
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
