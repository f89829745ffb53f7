#!/usr/bin/env bash
# EventBridge's rule engine: whether a large whole number is greater than 0 depends on its last digits
#
# Version: software.amazon.event.ruler:event-ruler 2.1.0 (Maven), the engine that AWS published.
# Expected: `{"numeric": [">", 0]}` matches every positive number of an event, within the precision of a float64.
# Seen: a number with more digits than a float64 keeps is not rounded: it is no number for any numeric rule, and nothing says
# so. It is neither greater than 0 nor less than or equal to 0. So of two ids in a row one matches and the next does not, and a
# timestamp in nanoseconds does not. Only a literal pattern finds such a number.
#
# Output:
#> 9007199254740991       > 0
#> 9007199254740992       > 0
#> 9007199254740993       nothing
#> 9007199254740994       > 0
#> 1795956475149123457    nothing
#> -9007199254740993      nothing
#> 0.1234567890123456789  nothing
#> 1e300                  > 0
#> a literal pattern for 9007199254740993 finds it: true

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
    <dependency>
      <groupId>software.amazon.event.ruler</groupId><artifactId>event-ruler</artifactId><version>2.1.0</version>
    </dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Probe.java <<'PROBE'
import software.amazon.event.ruler.Machine;

public class Probe {
    public static void main(String[] args) throws Exception {
        var machine = Machine.builder().build();
        machine.addRule("> 0", "{\"n\": [{\"numeric\": [\">\", 0]}]}");
        machine.addRule("<= 0", "{\"n\": [{\"numeric\": [\"<=\", 0]}]}");
        var numbers = new String[] {
            "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "1795956475149123457",
            "-9007199254740993", "0.1234567890123456789", "1e300"
        };
        for (var number : numbers) {
            var rules = machine.rulesForJSONEvent("{\"n\": " + number + "}");
            System.out.printf("%-22s %s%n", number, rules.isEmpty() ? "nothing" : rules.get(0));
        }
        machine.addRule("literal", "{\"n\": [9007199254740993]}");
        var found = machine.rulesForJSONEvent("{\"n\": 9007199254740993}").contains("literal");
        System.out.println("a literal pattern for 9007199254740993 finds it: " + found);
    }
}
PROBE
java -cp 'lib/*' Probe.java | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
