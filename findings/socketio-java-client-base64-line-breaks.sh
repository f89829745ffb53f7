#!/usr/bin/env bash
# The Java Socket.IO client sends base64 with line breaks, which Java's own decoder refuses
#
# Version: io.socket:engine.io-client 2.1.0 (Maven), what socket.io-client 2.1.2 for Java uses.
# Expected: binary data over HTTP long-polling is base64 as RFC 4648 has it: no line breaks (section 3.1), as the JavaScript client
# sends it.
# Seen: every 76 characters there is a line feed, and one at the end. Node ignores them. A strict decoder, such as
# `java.util.Base64`, Python's with `validate=True` or Rust's, refuses the packet, so binary events work over WebSocket and end the
# session over polling.
#
# Output:
#> 3 bytes: bAQEB\n
#> 60 bytes: bAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\nAQEB\n
#> java.util.Base64: Illegal base64 character a

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
    <dependency><groupId>io.socket</groupId><artifactId>engine.io-client</artifactId><version>2.1.0</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Probe.java <<'PROBE'
import io.socket.engineio.parser.Packet;
import io.socket.engineio.parser.Parser;
import java.util.Arrays;
import java.util.Base64;

public class Probe {
    public static void main(String[] args) {
        for (var size : new int[] {3, 60}) {
            var data = new byte[size];
            Arrays.fill(data, (byte) 1);
            Parser.encodePayload(new Packet[] {new Packet<>(Packet.MESSAGE, data)}, sent -> {
                System.out.println(size + " bytes: " + sent.toString().replace("\n", "\\n"));
                if (size == 60) {
                    try {
                        Base64.getDecoder().decode(sent.toString().substring(1));
                    } catch (IllegalArgumentException error) {
                        System.out.println("java.util.Base64: " + error.getMessage());
                    }
                }
            });
        }
    }
}
PROBE
java -cp "lib/*" Probe.java 2>&1 | grep -v "^Note:" | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
