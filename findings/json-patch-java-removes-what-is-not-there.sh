#!/usr/bin/env bash
# JSON Patch in Java: removing a member that does not exist succeeds
#
# Versions: com.flipkart.zjsonpatch:zjsonpatch 0.4.16 (Maven), fast-json-patch 3.1.1 (npm).
# Expected: RFC 6902, section 4.2: the location of a `remove` must exist; otherwise the operation and the whole patch fail.
# Seen: zjsonpatch goes on without a word, also when `replace` at the same place fails. A patch that was made for another
# version of the document, or has a misspelt path, is applied in part and reported as done.
#
# Output:
#> zjsonpatch      {"op":"remove","path":"/staet"} {"state":"open"}
#> zjsonpatch      {"op":"replace","path":"/staet","value":"shut"} fails
#> zjsonpatch      {"op":"remove","path":"/state"} {}
#> fast-json-patch {"op":"remove","path":"/staet"} fails
#> fast-json-patch {"op":"replace","path":"/staet","value":"shut"} fails
#> fast-json-patch {"op":"remove","path":"/state"} {}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund fast-json-patch@3.1.1
cat > pom.xml <<'PROBE'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>probe</groupId><artifactId>probe</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>com.flipkart.zjsonpatch</groupId><artifactId>zjsonpatch</artifactId><version>0.4.16</version></dependency>
  </dependencies>
</project>
PROBE
mvn --quiet --batch-mode -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Probe.java <<'PROBE'
import com.fasterxml.jackson.databind.ObjectMapper;
import com.flipkart.zjsonpatch.JsonPatch;

public class Probe {
    public static void main(String[] args) throws Exception {
        var mapper = new ObjectMapper();
        for (var operation : args) {
            var outcome = "";
            try {
                outcome = JsonPatch.apply(mapper.readTree("[" + operation + "]"), mapper.readTree("{\"state\":\"open\"}")).toString();
            } catch (Exception error) {
                outcome = "fails";
            }
            System.out.println("zjsonpatch      " + operation + " " + outcome);
        }
    }
}
PROBE
cat > probe.mjs <<'PROBE'
import patches from "fast-json-patch";

for (const operation of process.argv.slice(2)) {
  let outcome = "fails";
  try {
    outcome = JSON.stringify(patches.applyPatch({ state: "open" }, [JSON.parse(operation)], true).newDocument);
  } catch {}
  console.log("fast-json-patch", operation, outcome);
}
PROBE
set -- '{"op":"remove","path":"/staet"}' '{"op":"replace","path":"/staet","value":"shut"}' '{"op":"remove","path":"/state"}'
{ java -cp 'lib/*' Probe.java "$@"; node probe.mjs "$@"; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
