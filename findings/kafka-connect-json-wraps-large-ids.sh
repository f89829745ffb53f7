#!/usr/bin/env bash
# Kafka Connect: an unsigned 64-bit id in JSON becomes another number
#
# Version: org.apache.kafka:connect-json 4.4.0 (Maven), with `schemas.enable=false`, as is usual for JSON of others.
# Expected: the documentation of JsonConverter says nothing of a limit. A whole number that fits no type of Connect is an
# error that goes to the dead letter queue, as with text that is no JSON.
# Seen: it is cut to its lowest 64 bits, without an error: 2^64 - 1 is -1, and a number of 23 digits is some other one. A
# float out of range is Infinity, which is written as the text "Infinity".
#
# Output:
#> 9223372036854775807      {"id":9223372036854775807}
#> 9223372036854775808      {"id":-9223372036854775808}
#> 18446744073709551615     {"id":-1}
#> 12345678901234567890123  {"id":4807115922877859019}
#> 1e400                    {"id":"Infinity"}

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
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId><version>4.4.0</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Probe.java <<'PROBE'
import java.util.Map;
import org.apache.kafka.connect.json.JsonConverter;

public class Probe {
    public static void main(String[] args) {
        var converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "false"), false);
        var numbers = new String[] {
            "9223372036854775807", "9223372036854775808", "18446744073709551615", "12345678901234567890123", "1e400"
        };
        for (var number : numbers) {
            var read = converter.toConnectData("orders", ("{\"id\":" + number + "}").getBytes());
            var written = new String(converter.fromConnectData("orders", read.schema(), read.value()));
            System.out.printf("%-24s %s%n", number, written);
        }
    }
}
PROBE
java -cp 'lib/*' Probe.java 2> /dev/null | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
