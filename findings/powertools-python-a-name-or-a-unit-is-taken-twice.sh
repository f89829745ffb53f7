#!/usr/bin/env bash
# Powertools for AWS Lambda: in Python, a second unit replaces the first, and a metric replaces a dimension of its name
#
# Versions: aws-lambda-powertools 3.37.0 (PyPI), @aws-lambda-powertools/metrics 2.36.0 (npm).
# Expected: a metric has one unit, and a name is a metric or a dimension: both are members of the same object in CloudWatch's
# embedded metric format. A second use is an error, as it is in JavaScript.
# Seen: Python takes both without a word. The first value, 1 s, is written as 1 ms because 250 ms came after it. The dimension
# `region` has a list of numbers for its value, and CloudWatch has no dimension that is a number.
#
# Output:
#> two units, Python: took is [1.0, 250.0] Milliseconds
#> two units, JavaScript: Error: Metric "took" has already been added with unit "Seconds", but we received unit "Milliseconds"
#> a name for both, Python: the dimension region is [3.0]
#> a name for both, JavaScript: Error: EMF key collision on "region": registered as both a metric (number) and a dimension (string)

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @aws-lambda-powertools/metrics@2.36.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore aws-lambda-powertools==3.37.0

cat > units.py <<'PROBE'
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics(namespace="shop", service="orders")
metrics.add_metric("took", MetricUnit.Seconds, 1)
metrics.add_metric("took", MetricUnit.Milliseconds, 250)
written = metrics.serialize_metric_set()
(metric,) = written["_aws"]["CloudWatchMetrics"][0]["Metrics"]
print(f"two units, Python: took is {written['took']} {metric['Unit']}")
PROBE
cat > names.py <<'PROBE'
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics(namespace="shop", service="orders")
metrics.add_dimension("region", "north")
metrics.add_metric("region", MetricUnit.Count, 3)
written = metrics.serialize_metric_set()
assert "region" in written["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]
print(f"a name for both, Python: the dimension region is {written['region']}")
PROBE
cat > probe.mjs <<'PROBE'
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";

const metrics = new Metrics({ namespace: "shop", serviceName: "orders" });
const uses = {
  "two units": () => {
    metrics.addMetric("took", MetricUnit.Seconds, 1);
    metrics.addMetric("took", MetricUnit.Milliseconds, 250);
  },
  "a name for both": () => {
    metrics.addDimension("region", "north");
    metrics.addMetric("region", MetricUnit.Count, 3);
    metrics.publishStoredMetrics();
  },
};
try {
  uses[process.argv[2]]();
} catch (error) {
  console.log(`${process.argv[2]}, JavaScript: Error: ${error.message.split(". ")[0]}`);
}
PROBE
{
  venv/bin/python units.py
  node probe.mjs "two units"
  venv/bin/python names.py
  node probe.mjs "a name for both"
} | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
