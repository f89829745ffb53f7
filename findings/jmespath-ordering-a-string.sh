#!/usr/bin/env bash
# JMESPath: a filter that orders a string against a number is an error, a match or no match
#
# Versions: jmespath 1.1.0 (PyPI), jmespath 0.16.0 and @jmespath-community/jmespath 1.3.0 (npm).
# Expected: the specification defines `<` and `>` for numbers; with anything else the result is null, and a filter leaves the
# element out. One odd element does not spoil a list.
# Seen: Python raises a plain TypeError, none of the library's own JMESPathError, and the whole search fails for one element.
# JavaScript compares by its own rules and selects the string "5". The community's library does as the specification says.
# Two strings are ordered by Python and JavaScript, against the specification.
#
# Output:
#> [?price > `1`]   python TypeError, a JMESPathError: False
#>                  javascript [{"price":"5"},{"price":7}]
#>                  community [{"price":7}]
#> [?price > 'a']   python [{"price":"b"}]
#>                  javascript [{"price":"b"}]
#>                  community []

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jmespath@0.16.0 @jmespath-community/jmespath@1.3.0

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jmespath==1.1.0

cat > cases.json <<'PROBE'
[["[?price > `1`]", [{"price": "5"}, {"price": 7}]], ["[?price > 'a']", [{"price": "b"}]]]
PROBE
cat > probe.py <<'PROBE'
import json
import subprocess
import jmespath
from jmespath.exceptions import JMESPathError

javascript = subprocess.check_output(["node", "probe.cjs"], text=True).splitlines()
for n, (expression, data) in enumerate(json.load(open("cases.json"))):
    try:
        ours = json.dumps(jmespath.search(expression, data), separators=(",", ":"))
    except Exception as error:
        ours = f"{type(error).__name__}, a JMESPathError: {isinstance(error, JMESPathError)}"
    print(f"{expression:16} python {ours}", *javascript[2 * n : 2 * n + 2], sep="\n")
PROBE
cat > probe.cjs <<'PROBE'
const libraries = { javascript: require("jmespath"), community: require("@jmespath-community/jmespath") };
for (const [expression, data] of require("./cases.json"))
  for (const [name, { search }] of Object.entries(libraries))
    console.log(`${" ".repeat(16)} ${name} ${JSON.stringify(search(data, expression))}`);
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
