#!/usr/bin/env bash
# JSONata in Java: $encodeUrl makes a form value of a URL
#
# Versions: jsonata 2.2.2 (npm), com.dashjoin:jsonata 0.9.10 (Maven).
# Expected: `$encodeUrl` keeps the characters that a URL is made of, and a space becomes %20 (JSONata, "$encodeUrl").
# Seen: the Java port writes a space as +, and slashes and colons as %2F and %3A: what comes out is no URL. If there is a query,
# it encodes nothing.
#
# Output:
#> $encodeUrl('https://shop.example/green tea'): JavaScript "https://shop.example/green%20tea", Java "https%3A%2F%2Fshop.example%2Fgreen+tea"
#> $encodeUrl('https://shop.example/tea?q=a b'): JavaScript "https://shop.example/tea?q=a%20b", Java "https://shop.example/tea?q=a b"

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
$encodeUrl('https://shop.example/green tea')
$encodeUrl('https://shop.example/tea?q=a b')
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
