#!/usr/bin/env bash
# JSONPath in Java: a slice goes round the end of the list and starts again
#
# Version: com.jayway.jsonpath:json-path 2.10.0 (Maven).
# Expected: `$[-3:2]` of five elements is empty: it starts at the third element and ends before it, as in Python, and RFC
# 9535 (section 2.3.4.2.2) has it so.
# Seen: the library counts from -3 up to 1 and takes each index by itself: the last three elements, and then the first two.
# `$[-5:5]`, which is the whole list, has each element twice.
#
# Output:
#> $[0:2]   [1,2]
#> $[-3:]   [3,4,5]
#> $[-3:-1] [3,4]
#> $[-3:2]  [3,4,5,1,2]
#> $[-5:5]  [1,2,3,4,5,1,2,3,4,5]

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
        var document = "[1, 2, 3, 4, 5]";
        for (var path : new String[] {"$[0:2]", "$[-3:]", "$[-3:-1]", "$[-3:2]", "$[-5:5]"}) {
            System.out.printf("%-8s %s%n", path, JsonPath.read(document, path).toString());
        }
    }
}
PROBE
java -cp 'lib/*' Probe.java | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
