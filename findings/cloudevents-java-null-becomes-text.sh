#!/usr/bin/env bash
# CloudEvents in Java: an extension that is null becomes the text "null"
#
# Version: io.cloudevents:cloudevents-json-jackson 4.0.1 (Maven).
# Expected: the JSON format (section 2.2) has a reader treat an attribute that is null as one that is not set. The SDK does
# so with the attributes of the specification, `subject` for example.
# Seen: an extension that is null is the string `null` afterwards, in the event and in all that a relay sends on. A filter
# for events without a tenant no longer finds them, and there is a tenant by the name of null.
#
# Output:
#> received "subject":null
#> sent     nothing of it
#> received "tenant":null
#> sent     "tenant":"null"
#> received "tenant":"blue"
#> sent     "tenant":"blue"

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
    <dependency><groupId>io.cloudevents</groupId><artifactId>cloudevents-json-jackson</artifactId><version>4.0.1</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Probe.java <<'PROBE'
import io.cloudevents.core.provider.EventFormatProvider;
import io.cloudevents.jackson.JsonFormat;

public class Probe {
    public static void main(String[] args) throws Exception {
        var format = EventFormatProvider.getInstance().resolveFormat(JsonFormat.CONTENT_TYPE);
        for (var rest : new String[] {
            "\"subject\":null", "\"tenant\":null", "\"tenant\":\"blue\"",
        }) {
            var received = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/shop\",\"type\":\"t\"," + rest + "}";
            var event = format.deserialize(received.getBytes());
            System.out.println("received " + rest);
            System.out.println("sent     " + new String(format.serialize(event)).replaceFirst(".*\"type\":\"t\",?", "").replaceFirst("}$", "").replaceFirst("^$", "nothing of it"));
        }
    }
}
PROBE
java -cp 'lib/*' Probe.java | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
