#!/usr/bin/env bash
# aws_kinesis_agg in Python: a record without an explicit hash key gets the one of another record
#
# Versions: aws_kinesis_agg 1.2.3, six 1.17.0, which it needs and does not declare (PyPI).
# Expected: in an aggregated record, a record has an index into the explicit hash keys only if it has such a key (the field is
# optional in the Kinesis Producer Library's "KPL Aggregated Record Format"). The others have none afterwards.
# Seen: where the index is absent, the first key of the table is taken, with or without the library's own aggregation. Who sends
# the records on with the key that they have, sends them to another shard than their partition key would.
#
# Output:
#> blue was sent without a hash key and arrives without
#> red was sent with 170141183460469231731687303715884105728 and arrives with 170141183460469231731687303715884105728
#> blue was sent without a hash key and arrives with 170141183460469231731687303715884105728

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  aws_kinesis_agg==1.2.3 six==1.17.0

cat > probe.py <<'PROBE'
import base64

from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records


def send(sent):
    aggregator = RecordAggregator()
    for name, hash_key in sent:
        aggregator.add_user_record(name, name, hash_key)
    _, _, data = aggregator.clear_and_get().get_contents()
    kinesis = {"kinesisSchemaVersion": "1.0", "sequenceNumber": "1", "approximateArrivalTimestamp": 1.0}
    arrived = deaggregate_records([{"kinesis": {**kinesis, "data": base64.b64encode(data)}}])
    for (name, before), record in zip(sent, arrived):
        after = record["kinesis"]["explicitHashKey"]
        print(name, "was sent", f"with {before}" if before else "without a hash key", "and arrives", end=" ")
        print(f"with {after}" if after else "without")


send([("blue", None)])
send([("red", str(2**127)), ("blue", None)])
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
