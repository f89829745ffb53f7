#!/usr/bin/env bash
# Kafka Connect's TimestampConverter: microseconds move a time by up to 17 minutes
#
# Version: org.apache.kafka:connect-transforms 4.4.0 (Maven).
# Expected: the text that PostgreSQL and Python write, with six digits of a second, is the time it says, or an error.
# Seen: the transform reads with a SimpleDateFormat that is lenient. The digits after the point are a number of milliseconds,
# however many they are: .123456 is 123 s later, and .5 is 5 ms. A 13th month is the next January. What follows the pattern
# is ignored: with the pattern of a date, the time of day is dropped, and with `ss.SSS`, `+02:00` is too.
#
# Output:
#> yyyy-MM-dd'T'HH:mm:ss.SSSSSS 2026-11-30T12:00:00.123456        2026-11-30T12:02:03.456Z
#> yyyy-MM-dd'T'HH:mm:ss.SSSSSS 2026-11-30T12:00:00.999999        2026-11-30T12:16:39.999Z
#> yyyy-MM-dd'T'HH:mm:ss.SSS    2026-11-30T12:00:00.5             2026-11-30T12:00:00.005Z
#> yyyy-MM-dd'T'HH:mm:ss.SSS    2026-11-30T12:00:00.000+02:00     2026-11-30T12:00:00Z
#> yyyy-MM-dd'T'HH:mm:ss.SSS    2026-13-30T12:00:00.000           2027-01-30T12:00:00Z

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
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-transforms</artifactId><version>4.4.0</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Probe.java <<'PROBE'
import java.util.Date;
import java.util.Map;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.TimestampConverter;

public class Probe {
    static void show(String pattern, String text) {
        var converter = new TimestampConverter.Value<SourceRecord>();
        converter.configure(Map.of("target.type", "Timestamp", "format", pattern));
        var record = new SourceRecord(null, null, "orders", 0, null, null, null, text);
        var time = ((Date) converter.apply(record).value()).toInstant();
        System.out.printf("%-28s %-33s %s%n", pattern, text, time);
    }

    public static void main(String[] args) {
        show("yyyy-MM-dd'T'HH:mm:ss.SSSSSS", "2026-11-30T12:00:00.123456");
        show("yyyy-MM-dd'T'HH:mm:ss.SSSSSS", "2026-11-30T12:00:00.999999");
        show("yyyy-MM-dd'T'HH:mm:ss.SSS", "2026-11-30T12:00:00.5");
        show("yyyy-MM-dd'T'HH:mm:ss.SSS", "2026-11-30T12:00:00.000+02:00");
        show("yyyy-MM-dd'T'HH:mm:ss.SSS", "2026-13-30T12:00:00.000");
    }
}
PROBE
java -cp 'lib/*' Probe.java 2> /dev/null | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
