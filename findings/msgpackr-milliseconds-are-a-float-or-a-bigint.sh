#!/usr/bin/env bash
# msgpackr: a time in milliseconds leaves as a float and arrives as a BigInt
#
# Versions: msgpackr 2.1.4, @msgpack/msgpack 3.1.3 (npm), msgpack 1.2.4 (PyPI), github.com/vmihailenco/msgpack 5.4.1 (Go).
# Expected: `Date.now()` is an integer of 41 bits. MessagePack has 64-bit integers, and JavaScript's numbers hold it
# exactly.
# Seen: msgpackr writes integers above 32 bits as floats. Python then has 1795956475149.0, and Go refuses it for an int64
# field. In the other direction each 64-bit integer becomes a BigInt, however small: `JSON.stringify` and `+ 1` throw a
# TypeError. A number that makes the way between two msgpackr works, so that it is seen only with the second language.
#
# Output:
#> msgpackr -> Python   1795956475149.0
#> @msgpack -> Python   1795956475149
#> msgpackr -> Go       msgpack: invalid code=cb decoding int64
#> @msgpack -> Go       1795956475149
#> Python   -> msgpackr bigint, as JSON: TypeError
#> Python   -> @msgpack number, as JSON: 1795956475149

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund msgpackr@2.1.4 @msgpack/msgpack@3.1.3
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore msgpack==1.2.4
go mod init probe 2> /dev/null
go get github.com/vmihailenco/msgpack/v5@v5.4.1 2> /dev/null

cat > write.mjs <<'PROBE'
import { pack } from "msgpackr";
import { encode } from "@msgpack/msgpack";
import { writeFileSync } from "node:fs";

writeFileSync("msgpackr", pack({ at: 1795956475149 }));
writeFileSync("@msgpack", encode({ at: 1795956475149 }));
PROBE
cat > read.py <<'PROBE'
import msgpack

for name in "msgpackr", "@msgpack":
    print(f"{name} -> Python  ", msgpack.unpackb(open(name, "rb").read())["at"])
open("python", "wb").write(msgpack.packb({"at": 1795956475149}))
PROBE
cat > read.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	"github.com/vmihailenco/msgpack/v5"
)

func main() {
	for _, name := range []string{"msgpackr", "@msgpack"} {
		var event struct {
			At int64 `msgpack:"at"`
		}
		content, _ := os.ReadFile(name)
		if err := msgpack.Unmarshal(content, &event); err != nil {
			fmt.Println(name, "-> Go      ", err)
		} else {
			fmt.Println(name, "-> Go      ", event.At)
		}
	}
}
PROBE
cat > read.mjs <<'PROBE'
import { unpack } from "msgpackr";
import { decode } from "@msgpack/msgpack";
import { readFileSync } from "node:fs";

for (const [name, read] of [["msgpackr", unpack], ["@msgpack", decode]]) {
  const { at } = read(readFileSync("python"));
  let text;
  try {
    text = JSON.stringify(at);
  } catch (error) {
    text = error.name;
  }
  console.log(`Python   -> ${name} ${typeof at}, as JSON: ${text}`);
}
PROBE
node write.mjs
{ venv/bin/python read.py; go run read.go; node read.mjs; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
