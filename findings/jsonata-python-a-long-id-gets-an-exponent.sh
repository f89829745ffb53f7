#!/usr/bin/env bash
# JSONata in Python: an integer of 16 digits becomes a text with an exponent, and its last digit is gone
#
# Versions: jsonata 2.2.2 (npm), jsonata-python 0.7.1 (PyPI), com.dashjoin:jsonata 0.9.10 (Maven).
# Expected: `$string` and `&` write a number as JSON.stringify does (JSONata, "$string"): all digits of 1234567890123456, which
# is below 2^53. The port for Java, from which the one for Python was made, does so.
# Seen: Python writes 15 significant digits. A time in microseconds and two ids that differ in the last digit become the same
# text, in a key or a URL that is put together with `&`.
#
# Output:
#> 'order-' & 123456789012345: JavaScript order-123456789012345, Python order-123456789012345, Java order-123456789012345
#> 'order-' & 1234567890123456: JavaScript order-1234567890123456, Python order-1.23456789012346e+15, Java order-1234567890123456
#> 'order-' & 1234567890123457: JavaScript order-1234567890123457, Python order-1.23456789012346e+15, Java order-1234567890123457
#> $string(1796136390219000): JavaScript 1796136390219000, Python 1.796136390219e+15, Java 1796136390219000

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jsonata@2.2.2
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jsonata-python==0.7.1
cat > pom.xml <<'PROBE'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>probe</groupId><artifactId>probe</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>com.dashjoin</groupId><artifactId>jsonata</artifactId><version>0.9.10</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > expressions <<'PROBE'
'order-' & 123456789012345
'order-' & 1234567890123456
'order-' & 1234567890123457
$string(1796136390219000)
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import jsonata from "jsonata";

for (const text of readFileSync("expressions", "utf8").trim().split("\n"))
  console.log(`${text}: JavaScript ${await jsonata(text).evaluate({})}`);
PROBE
cat > probe.py <<'PROBE'
from pathlib import Path

from jsonata import Jsonata

for text in Path("expressions").read_text().splitlines():
    print("Python", Jsonata(text).evaluate({}))
PROBE
cat > Probe.java <<'PROBE'
import static com.dashjoin.jsonata.Jsonata.jsonata;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

public class Probe {
    public static void main(String[] args) throws Exception {
        for (var text : Files.readAllLines(Path.of("expressions")))
            System.out.println("Java " + jsonata(text).evaluate(Map.of()));
    }
}
PROBE
node probe.mjs > javascript.output
venv/bin/python probe.py > python.output
java -cp 'lib/*' Probe.java > java.output
paste -d, javascript.output python.output java.output | sed 's/,\(Python\|Java\) /, \1 /g' | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
