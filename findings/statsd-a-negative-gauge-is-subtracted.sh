#!/usr/bin/env bash
# StatsD: a gauge that is set to -5 is set by one client and subtracted by the others
#
# Versions: statsd 0.9.0, the server; hot-shots 17.1.1, statsd-client 0.4.7 (npm), statsd 4.0.1 (PyPI).
# Expected: `gauge(name, value)` sets the value in all three. hot-shots and statsd-client have another method, `gaugeDelta`, to
# change it. The server documents that a sign makes a change of it, and that a client must send 0 first for a negative value.
# Seen: the Python client does that. The others write `-5`, so a temperature of -5 after 10 is 5, and after the next -5 it is
# 0: for a negative number `gauge` and `gaugeDelta` are the same.
#
# Output:
#> statsd (PyPI)  10 then -5: -5   once more -5: -5
#> hot-shots      10 then -5: 5    once more -5: 0
#> statsd-client  10 then -5: 5    once more -5: 0

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund --no-optional statsd@0.9.0 hot-shots@17.1.1 statsd-client@0.4.7
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore statsd==4.0.1

read -r port management < <(python3 -c '
import socket
sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))')
cat > config.js <<PROBE
{ address: "127.0.0.1", port: $port, mgmt_address: "127.0.0.1", mgmt_port: $management, flushInterval: 600000, backends: [] }
PROBE
node node_modules/statsd/stats.js config.js > server.log 2>&1 &
server=$!

cat > gauge.py <<'PROBE'
import sys
import statsd

statsd.StatsClient("127.0.0.1", int(sys.argv[1])).gauge(sys.argv[2], float(sys.argv[3]))
PROBE
cat > gauge.cjs <<'PROBE'
const [library, port, name, value] = process.argv.slice(2);
const Client = require(library);
const client = new Client({ host: "127.0.0.1", port: Number(port) });
client.gauge(name, Number(value));
client.close(() => {});
PROBE
cat > ask.py <<'PROBE'
import json
import re
import socket
import sys
import time

port, name, wanted = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


def gauges():
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"gauges\n")
        text = b""
        while b"END" not in text:
            text += connection.recv(65536)
    return {key: float(value) for key, value in re.findall(r"'?([\w.-]+)'?: (-?[\d.]+)", text.decode())}


# A datagram may take a moment; after 20 s what is there counts.
deadline = time.monotonic() + 20
while True:
    try:
        found = gauges()
        if found.get(name + ".done") == wanted or time.monotonic() > deadline:
            print(f"{found.get(name, 'nothing'):g}")
            break
    except OSError:
        if time.monotonic() > deadline:
            raise
    time.sleep(0.05)
PROBE

gauge() {
  if [ "$1" = python ]; then venv/bin/python gauge.py "$port" "$2" "$3"; else node gauge.cjs "$1" "$port" "$2" "$3"; fi
}
ready() { venv/bin/python ask.py "$management" ready 1 > /dev/null; }
for _ in $(seq 100); do
  gauge python ready.done 1
  if python3 -c "import socket; socket.create_connection(('127.0.0.1', $management))" 2> /dev/null; then break; fi
  sleep 0.1
done
gauge python ready 1
gauge python ready.done 1
ready
for library in python hot-shots statsd-client; do
  title=$library
  [ "$library" != python ] || title="statsd (PyPI)"
  results=()
  step=0
  for value in 10 -5 -5; do
    gauge "$library" "$library" "$value"
    step=$((step + 1))
    gauge python "$library.done" "$step"
    results+=("$(venv/bin/python ask.py "$management" "$library" "$step")")
  done
  printf '%-14s 10 then -5: %-4s once more -5: %s\n' "$title" "${results[1]}" "${results[2]}"
done | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
