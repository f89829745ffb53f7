#!/usr/bin/env bash
# MessagePack: three Go libraries write a time in three ways, of which the others read one
#
# Versions: github.com/vmihailenco/msgpack 5.4.1, github.com/tinylib/msgp 1.6.5, github.com/hashicorp/go-msgpack 2.1.5 (Go),
# msgpack 1.2.4 (PyPI), @msgpack/msgpack 3.1.3 (npm).
# Expected: the specification has had a timestamp, the extension type -1, since 2017.
# Seen: vmihailenco writes it. msgp writes an extension type of its own, 5. hashicorp's default handle writes the eight
# bytes of the time as a string, which is not UTF-8: Python raises UnicodeDecodeError for the whole message, and JavaScript
# has a text with a replacement character and no time.
#
# Output:
#> hashicorp   JavaScript string
#> hashicorp   Python     UnicodeDecodeError
#> msgp        JavaScript extension type 5
#> msgp        Python     extension type 5
#> vmihailenco JavaScript 2026-11-29T12:00:00.250Z
#> vmihailenco Python     2026-11-29 12:00:00.250000+00:00

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @msgpack/msgpack@3.1.3
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore msgpack==1.2.4
go mod init probe 2> /dev/null
go get github.com/vmihailenco/msgpack/v5@v5.4.1 github.com/tinylib/msgp@v1.6.5 github.com/hashicorp/go-msgpack/v2@v2.1.5 2> /dev/null

cat > write.go <<'PROBE'
package main

import (
	"os"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/tinylib/msgp/msgp"
	"github.com/vmihailenco/msgpack/v5"
)

func main() {
	at := time.Date(2026, 11, 29, 12, 0, 0, 250000000, time.UTC)
	content, _ := msgpack.Marshal(at)
	os.WriteFile("vmihailenco", content, 0o600)
	os.WriteFile("msgp", msgp.AppendTime(nil, at), 0o600)
	content = nil
	codec.NewEncoderBytes(&content, &codec.MsgpackHandle{}).Encode(at)
	os.WriteFile("hashicorp", content, 0o600)
}
PROBE
cat > read.py <<'PROBE'
import msgpack

for name in "vmihailenco", "msgp", "hashicorp":
    try:
        value = msgpack.unpackb(open(name, "rb").read(), timestamp=3)
    except ValueError as error:
        value = type(error).__name__
    print(f"{name:11} Python    ", f"extension type {value.code}" if isinstance(value, msgpack.ExtType) else value)
PROBE
cat > read.mjs <<'PROBE'
import { decode, ExtData } from "@msgpack/msgpack";
import { readFileSync } from "node:fs";

for (const name of ["vmihailenco", "msgp", "hashicorp"]) {
  const value = decode(readFileSync(name));
  const kind = value instanceof ExtData ? `extension type ${value.type}` : value instanceof Date ? value.toISOString() : typeof value;
  console.log(name.padEnd(11), "JavaScript", kind);
}
PROBE
go run write.go
{ venv/bin/python read.py; node read.mjs; } | sort | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
