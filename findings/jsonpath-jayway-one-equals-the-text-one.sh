#!/usr/bin/env bash
# JSONPath in Java: a number equals a text, but is not among those that are "less or equal"
#
# Version: com.jayway.jsonpath:json-path 2.10.0 (Maven).
# Expected: RFC 9535, section 2.3.5.2.2: values of different types are not equal. JavaScript's `===` and Python agree.
# Seen: `@.id == 1` finds the text "1" too, and `@.id == '1.0'` the numbers 1 and 1.0, but not the text "1". With `<=` the
# text is left out. A filter for the order 7 brings the order "7" of another system, and the same filter in the browser does
# not.
#
# Output:
#> $[?(@.id == 1)].id      [1,1.0,"1"]
#> $[?(@.id == '1')].id    [1,1.0,"1"]
#> $[?(@.id == '1.0')].id  [1,1.0]
#> $[?(@.id <= 1)].id      [1,1.0]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > pom.xml <<'PROBE'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>probe</groupId><artifactId>probe</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>com.jayway.jsonpath</groupId><artifactId>json-path</artifactId><version>2.10.0</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.16</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Probe.java <<'PROBE'
import com.jayway.jsonpath.JsonPath;

public class Probe {
    public static void main(String[] args) {
        var document = "[{\"id\": 1}, {\"id\": 1.0}, {\"id\": \"1\"}, {\"id\": true}]";
        for (var path : new String[] {"$[?(@.id == 1)].id", "$[?(@.id == '1')].id", "$[?(@.id == '1.0')].id", "$[?(@.id <= 1)].id"}) {
            System.out.printf("%-23s %s%n", path, JsonPath.read(document, path).toString());
        }
    }
}
PROBE
java -cp 'lib/*' Probe.java | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
