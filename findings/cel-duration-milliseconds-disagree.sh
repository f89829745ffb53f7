#!/usr/bin/env bash
# Milliseconds of a duration: the whole of it in Go, the last part in JavaScript
#
# Version: cel.dev/cel-go 0.33.2, cel-python 0.5.0 (PyPI), @bufbuild/cel 0.6.1 (npm).
# Expected: one language, one answer. `getSeconds`, `getMinutes` and `getHours` convert the whole duration everywhere.
# Seen: `getMilliseconds` of 90.5 s is 90500 in Go, which Kubernetes uses, and in Python; it is 500 in JavaScript. A
# time limit in milliseconds that holds in one never holds in the other.
#
# Output:
#> getMinutes: Go 1, Python 1, JavaScript 1
#> getSeconds: Go 90, Python 90, JavaScript 90
#> getMilliseconds: Go 90500, Python 90500, JavaScript 500

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

go mod init probe > init.log 2>&1
go get cel.dev/cel-go@v0.33.2 > get.log 2>&1
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install cel-python==0.5.0
npm install --silent --no-audit --no-fund @bufbuild/cel@0.6.1

cat > main.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	"cel.dev/cel-go/cel"
)

func main() {
	environment, err := cel.NewEnv()
	if err != nil {
		panic(err)
	}
	ast, issues := environment.Compile(os.Args[1])
	if issues.Err() != nil {
		panic(issues.Err())
	}
	program, err := environment.Program(ast)
	if err != nil {
		panic(err)
	}
	out, _, err := program.Eval(map[string]any{})
	if err != nil {
		panic(err)
	}
	fmt.Println(out.Value())
}
PROBE
go mod tidy > tidy.log 2>&1
go build -o probe .
cat > probe.py <<'PROBE'
import sys

import celpy

environment = celpy.Environment()
print(environment.program(environment.compile(sys.argv[1])).evaluate({}))
PROBE
cat > probe.mjs <<'PROBE'
import { run } from "@bufbuild/cel";

console.log(String(run(process.argv[2], {})));
PROBE
for name in getMinutes getSeconds getMilliseconds; do
  expression="duration(\"90.5s\").$name()"
  echo "$name: Go $(./probe "$expression"), Python $(venv/bin/python probe.py "$expression"), JavaScript $(node probe.mjs "$expression")"
done | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
