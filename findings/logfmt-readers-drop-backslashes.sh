#!/usr/bin/env bash
# logfmt: what Go writes as `\n` is the letter n in JavaScript, and one Python reader loses the rest of the line
#
# Versions: go-logfmt 0.6.1, kr/logfmt b84e30acd515 (Go), logfmt 1.4.0, @jclem/logfmt2 2.4.3 (npm), bc-logfmt-python 0.1.1,
# logfmtkv 0.2.1 (PyPI).
# Expected: logfmt has no standard. go-logfmt, the encoder of go-kit's logger, writes a quoted value as a JSON string and a
# bare one as it is. kr/logfmt, which gave the format its grammar, and logfmtkv read both back.
# Seen: both JavaScript readers take a backslash for "the next character as it is", also in bare values: `\n` is n, `\t` is t,
# and a Windows path has no separators. For a value with an escape other than of a quote, bc-logfmt gives `True`, and it drops
# all later keys.
#
# Output:
#> line: path=C:\temp\new end=1
#>   kr/logfmt          C:\temp\new, end=1
#>   logfmtkv           C:\temp\new, end=1
#>   logfmt (npm)       C:tempnew, end=1
#>   @jclem/logfmt2     C:tempnew, end=1
#>   bc-logfmt          C:\temp\new, end=1
#> line: path="two\nlines" end=1
#>   kr/logfmt          two, a line break, lines, end=1
#>   logfmtkv           two, a line break, lines, end=1
#>   logfmt (npm)       twonlines, end=1
#>   @jclem/logfmt2     twonlines, end=1
#>   bc-logfmt          True, end=none
#> line: path="a\tb" end=1
#>   kr/logfmt          a, a tab, b, end=1
#>   logfmtkv           a, a tab, b, end=1
#>   logfmt (npm)       atb, end=1
#>   @jclem/logfmt2     atb, end=1
#>   bc-logfmt          True, end=none

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund logfmt@1.4.0 @jclem/logfmt2@2.4.3
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  bc-logfmt-python==0.1.1 logfmtkv==0.2.1
go mod init probe 2> /dev/null
go get github.com/go-logfmt/logfmt@v0.6.1 github.com/kr/logfmt@v0.0.0-20140226030751-b84e30acd515 2> /dev/null

cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	"github.com/go-logfmt/logfmt"
	kr "github.com/kr/logfmt"
)

type record map[string]string

func (r record) HandleLogfmt(key, value []byte) error {
	r[string(key)] = string(value)
	return nil
}

func main() {
	lines, _ := os.Create("lines")
	defer lines.Close()
	for _, value := range []string{`C:\temp\new`, "two\nlines", "a\tb"} {
		line, _ := logfmt.MarshalKeyvals("path", value, "end", 1)
		fmt.Fprintln(lines, string(line))
		found := record{}
		kr.Unmarshal(line, found)
		fmt.Printf("kr/logfmt\t%q\t%s\n", found["path"], found["end"])
	}
}
PROBE
cat > probe.py <<'PROBE'
import json
import logfmtkv
from bc_logfmt.parser import parse_line

for name, parse in ("logfmtkv", logfmtkv.parse), ("bc-logfmt", parse_line):
    for line in open("lines").read().splitlines():
        found = parse(line)
        print(name, json.dumps(str(found["path"])), found.get("end", "none"), sep="\t")
PROBE
cat > probe.cjs <<'PROBE'
const lines = require("fs").readFileSync("lines", "utf8").trimEnd().split("\n");
for (const [name, parse] of [["logfmt (npm)", require("logfmt").parse], ["@jclem/logfmt2", require("@jclem/logfmt2").decode]])
  for (const line of lines) console.log([name, JSON.stringify(parse(line).path), parse(line).end].join("\t"));
PROBE
{ go run probe.go; venv/bin/python probe.py; node probe.cjs; } > results
cat > table.py <<'PROBE'
import json

rows = [line.rstrip("\n").split("\t") for line in open("results")]
for index, line in enumerate(open("lines")):
    print("line:", line.rstrip("\n"))
    for name in "kr/logfmt", "logfmtkv", "logfmt (npm)", "@jclem/logfmt2", "bc-logfmt":
        _, value, end = [row for row in rows if row[0] == name][index]
        value = json.loads(value).replace("\n", ", a line break, ").replace("\t", ", a tab, ")
        print(f"  {name:18} {value}, end={end}")
PROBE
python3 table.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
