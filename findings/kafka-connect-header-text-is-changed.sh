#!/usr/bin/env bash
# Kafka Connect: a header's text is changed by the default converter
#
# Version: org.apache.kafka:connect-api 4.4.0 (Maven): SimpleHeaderConverter, the default of `header.converter`.
# Expected: its documentation says that it infers a header's type and writes the value as a string. Connect passes headers
# through, so a connector that copies a topic leaves `1,2` as it is.
# Seen: text that looks like a number is one, so the leading zeros of a number plate or a phone's `+` are gone. A text that
# begins with a number and a comma ends there: `1,2` is 1. A hexadecimal id whose only letter is one `e` becomes a float.
#
# Output:
#> [0012345]           INT16   [12345]
#> [+49301234]         INT32   [49301234]
#> [1.10]              FLOAT32 [1.1]
#> [3.0]               INT8    [3]
#> [1,2]               INT8    [1]
#> [17,eu-central-1]   INT8    [17]
#> [12e45678]          BYTES   [1.2E+45679]
#> [00f067aa0ba902b7]  STRING  [00f067aa0ba902b7]

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
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId><version>4.4.0</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Probe.java <<'PROBE'
import java.util.Map;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;

public class Probe {
    public static void main(String[] args) {
        var converter = new SimpleHeaderConverter();
        converter.configure(Map.of());
        var texts = new String[] {
            "0012345", "+49301234", "1.10", "3.0", "1,2", "17,eu-central-1", "12e45678", "00f067aa0ba902b7"
        };
        for (var text : texts) {
            var read = converter.toConnectHeader("orders", "header", text.getBytes());
            var written = new String(converter.fromConnectHeader("orders", "header", read.schema(), read.value()));
            System.out.printf("%-19s %-7s [%s]%n", "[" + text + "]", read.schema().type(), written);
        }
    }
}
PROBE
java -cp 'lib/*' Probe.java 2> /dev/null | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
