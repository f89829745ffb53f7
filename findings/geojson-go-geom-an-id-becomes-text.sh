#!/usr/bin/env bash
# GeoJSON in Go: the number of a feature becomes a text
#
# Versions: github.com/twpayne/go-geom 1.7.0, github.com/paulmach/orb 0.14.0 (Go), geojson 3.3.0 (PyPI).
# Expected: the `id` of a feature is a string or a number, and stays what it is (RFC 7946, section 3.2).
# Seen: a feature that go-geom reads and writes has a string for its number, so a map that looks its feature up by the number
# finds it no more. Two ids above 2^53 become one, also in orb, which keeps numbers.
#
# Output:
#> go-geom "7", orb 7, Python 7
#> go-geom "7", orb "7", Python "7"
#> go-geom "9007199254740992", orb 9007199254740992, Python 9007199254740992
#> go-geom "9007199254740992", orb 9007199254740992, Python 9007199254740993

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

go mod init probe 2> /dev/null
go get github.com/twpayne/go-geom@v1.7.0 github.com/paulmach/orb@v0.14.0 2> /dev/null
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore geojson==3.3.0

cat > features <<'PROBE'
{"type":"Feature","id":7,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}
{"type":"Feature","id":"7","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}
{"type":"Feature","id":9007199254740992,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}
{"type":"Feature","id":9007199254740993,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	orb "github.com/paulmach/orb/geojson"
	geom "github.com/twpayne/go-geom/encoding/geojson"
)

func id(feature any) string {
	text, _ := json.Marshal(feature)
	var members map[string]json.RawMessage
	json.Unmarshal(text, &members)
	return string(members["id"])
}

func main() {
	content, _ := os.ReadFile("features")
	for _, text := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		var first geom.Feature
		json.Unmarshal([]byte(text), &first)
		second, _ := orb.UnmarshalFeature([]byte(text))
		fmt.Printf("go-geom %s, orb %s,\n", id(&first), id(second))
	}
}
PROBE
cat > probe.py <<'PROBE'
import json
import geojson

for text in open("features"):
    print("Python", json.dumps(geojson.loads(text)["id"]))
PROBE
go mod tidy 2> /dev/null
go run probe.go > first
venv/bin/python probe.py > second
paste -d ' ' first second | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
