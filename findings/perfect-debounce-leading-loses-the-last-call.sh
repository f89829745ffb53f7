#!/usr/bin/env bash
# Debouncing in JavaScript: with a call at the beginning, the last one is lost
#
# Versions: perfect-debounce 2.1.0, lodash.debounce 4.0.8 (npm).
# Expected: `leading` adds a call at the beginning. `trailing`, which is on by default, makes one "on trailing edge with last used
# arguments", says the description of the options. Lodash calls the function for the first and the last.
# Seen: with `leading`, perfect-debounce makes no call at the end, also if `trailing` is asked for. Of a text that is saved while it
# is typed, the first letter is saved. The promise of the last call is fulfilled with the result of the first.
#
# Output:
#> perfect-debounce, leading false: saved abc - the last call returns abc
#> perfect-debounce, leading true: saved a - the last call returns a
#> lodash, leading false: saved abc
#> lodash, leading true: saved a, abc

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund perfect-debounce@2.1.0 lodash.debounce@4.0.8

cat > probe.mjs <<'PROBE'
import { debounce } from "perfect-debounce";
import lodash from "lodash.debounce";

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
for (const [name, make] of [["perfect-debounce", debounce], ["lodash", lodash]])
  for (const options of [{ leading: false, trailing: true }, { leading: true, trailing: true }]) {
    const saved = [];
    const save = make((text) => {
      saved.push(text);
      return text;
    }, 200, options);
    save("a");
    await sleep(0);
    save("ab");
    const last = save("abc");
    await sleep(1000);
    console.log(`${name}, leading ${options.leading}: saved ${saved.join(", ")}${name === "lodash" ? "" : ` - the last call returns ${await last}`}`);
  }
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
