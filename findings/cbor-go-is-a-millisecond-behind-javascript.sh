#!/usr/bin/env bash
# CBOR: every second time from JavaScript is a millisecond earlier in Go
#
# Versions: cbor 10.0.12 (npm), github.com/fxamacker/cbor 2.10.0 (Go).
# Expected: a Date of JavaScript is tag 1 with a float of seconds (RFC 8949, section 3.4.2). Whoever reads it knows the
# millisecond, as JavaScript itself does.
# Seen: Go keeps the nanoseconds of the binary float, such as .148999929 for .149, and UnixMilli() cuts them. Of the
# thousand milliseconds of a second, 496 are the one before. A cache, a key or a cursor that is made of the time misses.
#
# Output:
#> JavaScript writes 2026-11-29T12:47:55.149Z and reads 2026-11-29T12:47:55.149Z
#> Go reads 2026-11-29T12:47:55.148999929Z, whose milliseconds are 1795956475148
#> 496 of 1000 times are a millisecond earlier in Go

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cbor@10.0.12
go mod init probe 2> /dev/null
go get github.com/fxamacker/cbor/v2@v2.10.0 2> /dev/null

cat > probe.cjs <<'PROBE'
const { decodeFirstSync, encode } = require("cbor");
const { writeFileSync } = require("node:fs");

const at = new Date(1795956475149);
console.log(`JavaScript writes ${at.toISOString()} and reads ${decodeFirstSync(encode(at)).toISOString()}`);
const times = [];
for (let i = 0; i < 1000; i++) times.push(encode(new Date(1795956475000 + i)).toString("hex"));
writeFileSync("times", times.join("\n"));
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

func main() {
	content, _ := os.ReadFile("times")
	earlier := 0
	for i, text := range strings.Fields(string(content)) {
		encoded, _ := hex.DecodeString(text)
		var at time.Time
		if err := cbor.Unmarshal(encoded, &at); err != nil {
			panic(err)
		}
		if i == 149 {
			fmt.Printf("Go reads %s, whose milliseconds are %d\n", at.UTC().Format(time.RFC3339Nano), at.UnixMilli())
		}
		if at.UnixMilli() == 1795956475000+int64(i)-1 {
			earlier++
		}
	}
	fmt.Println(earlier, "of 1000 times are a millisecond earlier in Go")
}
PROBE
{ node probe.cjs; go run probe.go; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
