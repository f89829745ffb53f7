#!/usr/bin/env bash
# CloudEvents in Java: reading and writing an event turns its text into base64
#
# Version: io.cloudevents:cloudevents-json-jackson 4.0.1 (Maven).
# Expected: the JSON format (section 3.1) writes text as a JSON string in `data`; `data_base64` is for binary data. An event
# that is read and sent on, has the same members.
# Seen: data of `text/plain` or `application/xml` comes as a string and leaves as `data_base64`. A browser that reads
# `event.data` behind a Java relay finds nothing there, while the same event straight from its producer works.
#
# Output:
#> received "datacontenttype":"application/json","data":"shipped"
#> sent     "datacontenttype":"application/json","data":"shipped"
#> received "datacontenttype":"text/plain","data":"shipped"
#> sent     "datacontenttype":"text/plain","data_base64":"c2hpcHBlZA=="
#> received "datacontenttype":"application/xml","data":"<shipped/>"
#> sent     "datacontenttype":"application/xml","data_base64":"PHNoaXBwZWQvPg=="

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
            "\"datacontenttype\":\"application/json\",\"data\":\"shipped\"",
            "\"datacontenttype\":\"text/plain\",\"data\":\"shipped\"",
            "\"datacontenttype\":\"application/xml\",\"data\":\"<shipped/>\"",
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
