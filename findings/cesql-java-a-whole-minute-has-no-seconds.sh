#!/usr/bin/env bash
# CloudEvents SQL: in Java, the time of an event is a text without seconds, or with zeros that nobody sent
#
# Versions: io.cloudevents:cloudevents-sql 4.0.1 (Maven), github.com/cloudevents/sdk-go/sql/v2 2.16.2 (Go).
# Expected: an attribute of the type Timestamp is a string in an expression (CloudEvents SQL, type system). The string encoding
# of a Timestamp is RFC 3339 (CloudEvents, type system), which always has seconds. An event of 03:04:00Z is found by that text.
# Seen: Java writes it the way `OffsetDateTime.toString` does. An event of a whole minute has no seconds, a fraction of .5 has
# three digits, and a comparison with what the event carries is false. The same filter works in Go.
#
# Output:
#> sent 2026-01-02T03:04:05Z: Go 2026-01-02T03:04:05Z true, Java 2026-01-02T03:04:05Z true
#> sent 2026-01-02T03:04:00Z: Go 2026-01-02T03:04:00Z true, Java 2026-01-02T03:04Z false
#> sent 2026-01-02T03:04:05.5Z: Go 2026-01-02T03:04:05.5Z true, Java 2026-01-02T03:04:05.500Z false

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
    <dependency><groupId>io.cloudevents</groupId><artifactId>cloudevents-sql</artifactId><version>4.0.1</version></dependency>
    <dependency><groupId>io.cloudevents</groupId><artifactId>cloudevents-core</artifactId><version>4.0.1</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > go.mod <<'PROBE'
module probe

go 1.24
PROBE
cat > main.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	"github.com/cloudevents/sdk-go/sql/v2/parser"
	"github.com/cloudevents/sdk-go/v2/event"
)

func evaluate(text string, received event.Event) any {
	expression, err := parser.Parse(text)
	if err != nil {
		panic(err)
	}
	value, err := expression.Evaluate(received)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	for _, sent := range os.Args[1:] {
		var received event.Event
		text := `{"specversion":"1.0","id":"1","source":"/shop","type":"t","time":"` + sent + `"}`
		if err := received.UnmarshalJSON([]byte(text)); err != nil {
			panic(err)
		}
		fmt.Printf("sent %s: Go %v %v\n", sent, evaluate("time", received), evaluate("time = '"+sent+"'", received))
	}
}
PROBE
export GOFLAGS=-mod=mod
go get github.com/cloudevents/sdk-go/sql/v2@v2.16.2 github.com/cloudevents/sdk-go/v2@v2.16.2 2> /dev/null

cat > Probe.java <<'PROBE'
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.sql.EvaluationRuntime;
import io.cloudevents.sql.Parser;
import java.net.URI;
import java.time.OffsetDateTime;

public class Probe {
    static Object evaluate(String text, CloudEvent event) {
        return Parser.parseDefault(text).evaluate(EvaluationRuntime.getDefault(), event).value();
    }

    public static void main(String[] args) {
        for (var sent : args) {
            var event = CloudEventBuilder.v1().withId("1").withSource(URI.create("/shop")).withType("t")
                .withTime(OffsetDateTime.parse(sent)).build();
            System.out.println("Java " + evaluate("time", event) + " " + evaluate("time = '" + sent + "'", event));
        }
    }
}
PROBE
times=(2026-01-02T03:04:05Z 2026-01-02T03:04:00Z 2026-01-02T03:04:05.5Z)
go run . "${times[@]}" > go.output
java -cp 'lib/*' Probe.java "${times[@]}" > java.output
paste -d, go.output java.output | sed 's/,Java/, Java/' | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
