#!/usr/bin/env bash
# rhea: an AMQP long above 2^53 is rounded, and above 2^53 + 2^32 it is a Buffer
#
# Versions: rhea 3.0.5 (npm), github.com/Azure/go-amqp 1.7.0 (Go), which writes the messages.
# Expected: AMQP 1.0 has 64-bit integers (part 1, section 1.6.6 and 1.6.10), and Go and Java send their ids as such. A reader
# that has only float64 keeps the digits in another way, or says that it cannot.
# Seen: rhea does keep them, in a Buffer of eight bytes, but its bound is 2^32 too high: ids in between become a neighbour's,
# silently. A negative long has another bound, and is a Buffer as soon as it is inexact. The type of a property thus depends
# on its value, and JSON.stringify shows a list of bytes.
#
# Output:
#> 9007199254740991     number 9007199254740991
#> 9007199254740993     number 9007199254740992
#> 9007203549708287     number 9007203549708288
#> 9007203549708289     Buffer 0020000100000001
#> 1795956475149123457  Buffer 18ec84e615537f81
#> -9007199254740991    number -9007199254740991
#> -9007199254740993    Buffer ffdfffffffffffff

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund rhea@3.0.5
go mod init probe 2> /dev/null
go get github.com/Azure/go-amqp@v1.7.0 2> /dev/null

cat > probe.go <<'PROBE'
package main

import (
	"fmt"

	"github.com/Azure/go-amqp"
)

func main() {
	for _, id := range []int64{
		9007199254740991, 9007199254740993, 9007203549708287, 9007203549708289, 1795956475149123457,
		-9007199254740991, -9007199254740993,
	} {
		message := &amqp.Message{ApplicationProperties: map[string]any{"id": id}}
		content, _ := message.MarshalBinary()
		fmt.Printf("%d %x\n", id, content)
	}
}
PROBE
cat > probe.cjs <<'PROBE'
const { message } = require("rhea");
for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
  const [sent, content] = line.split(" ");
  const { id } = message.decode(Buffer.from(content, "hex")).application_properties;
  console.log(sent.padEnd(20), Buffer.isBuffer(id) ? `Buffer ${id.toString("hex")}` : `${typeof id} ${id}`);
}
PROBE
go run probe.go | node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
