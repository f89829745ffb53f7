#!/usr/bin/env bash
# go-money: an amount that is written as a float comes back a cent smaller
#
# Version: github.com/Rhymond/go-money 1.0.15 (Go).
# Expected: what AsMajorUnits() writes, NewFromFloat() reads. It rounds "trailing decimals down" (its comment), but 1.15 has none.
# Seen: 1.15 times 100 is 114.99999999999999 in binary, and that is cut. Of all amounts below 1000 euros, about one in twenty
# comes back a cent smaller. Its own JSON also goes through a float, so a large amount changes by one.
#
# Output:
#> 115 cents are 1.15, and 1.15 is €1.14
#> 4586 of 100000 amounts come back changed
#> {"amount":9007199254740993,"currency":"EUR"} comes back as 9007199254740992

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

go mod init probe 2> /dev/null
go get github.com/Rhymond/go-money@v1.0.15 2> /dev/null

cat > probe.go <<'PROBE'
package main

import (
	"encoding/json"
	"fmt"

	"github.com/Rhymond/go-money"
)

func main() {
	units := money.New(115, "EUR").AsMajorUnits()
	fmt.Printf("115 cents are %v, and %v is %s\n", units, units, money.NewFromFloat(units, "EUR").Display())
	changed := 0
	for cents := int64(0); cents < 100000; cents++ {
		if money.NewFromFloat(money.New(cents, "EUR").AsMajorUnits(), "EUR").Amount() != cents {
			changed++
		}
	}
	fmt.Println(changed, "of 100000 amounts come back changed")
	text, _ := json.Marshal(money.New(9007199254740993, "EUR"))
	var back money.Money
	json.Unmarshal(text, &back)
	fmt.Printf("%s comes back as %d\n", text, back.Amount())
}
PROBE
go run probe.go | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
