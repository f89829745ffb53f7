#!/usr/bin/env bash
# JSONata in Java: $match returns one match more than it is asked for
#
# Versions: jsonata 2.2.2 (npm), com.dashjoin:jsonata 0.9.10 (Maven).
# Expected: the third parameter of `$match` is the largest number of matches (JSONata, "$match"). One match is not in a list.
# Seen: the Java port returns one more. With a limit of 1, what should be a match is a list of two.
#
# Output:
#> $string($match('ababab', /ab/, 1).index): JavaScript "0", Java "[0,2]"
#> $string($match('ababab', /ab/, 2).index): JavaScript "[0,2]", Java "[0,2,4]"

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jsonata@2.2.2
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
$string($match('ababab', /ab/, 1).index)
$string($match('ababab', /ab/, 2).index)
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import jsonata from "jsonata";

for (const text of readFileSync("expressions", "utf8").trim().split("\n"))
  console.log(`${text}: JavaScript "${await jsonata(text).evaluate({})}"`);
PROBE
cat > Probe.java <<'PROBE'
import static com.dashjoin.jsonata.Jsonata.jsonata;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

public class Probe {
    public static void main(String[] args) throws Exception {
        for (var text : Files.readAllLines(Path.of("expressions")))
            System.out.println("\"" + jsonata(text).evaluate(Map.of()) + "\"");
    }
}
PROBE
node probe.mjs > javascript.output
java -cp 'lib/*' Probe.java > java.output
paste -d'|' javascript.output java.output | sed 's/|/, Java /' | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
