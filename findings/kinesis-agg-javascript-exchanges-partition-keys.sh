#!/usr/bin/env bash
# aws-kinesis-agg in JavaScript: records exchange their partition keys
#
# Version: aws-kinesis-agg 4.2.8 (npm).
# Expected: an aggregated record has a table of partition keys and one of explicit hash keys, and each record has an index into
# them (the Kinesis Producer Library's "KPL Aggregated Record Format"). After deaggregation, a record has its own keys again:
# "The Partition Key provided when the record was submitted" (README of the package).
# Seen: the indices count the keys as they come, but the table is written with Object.keys(), which has whole numbers first, in
# ascending order. Among customer numbers, or mixed with names, a record arrives with another customer's key. Explicit hash keys
# are numbers always; those below 2^32 - 1 are moved. Every reader sees it, as it is in the bytes.
#
# Output:
#> sent with partition key shop, it arrives with 3
#> sent with partition key 20, it arrives with 20
#> sent with partition key 3, it arrives with shop
#> sent with hash key 170141183460469231731687303715884105728, it arrives with 0
#> sent with hash key 0, it arrives with 170141183460469231731687303715884105728

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund aws-kinesis-agg@4.2.8

cat > probe.cjs <<'PROBE'
const { aggregate, deaggregateSync } = require("aws-kinesis-agg");

function show(records, print) {
  const read = (encoded, done) => {
    deaggregateSync({ data: encoded.data.toString("base64"), sequenceNumber: "1" }, true, (error, arrived) => {
      if (error) throw error;
      arrived.forEach(print);
    });
    done();
  };
  aggregate(records, read, () => {}, (error) => { throw error; });
}

// The data of each record is the key with which it is sent.
show(["shop", "20", "3"].map((key) => ({ partitionKey: key, data: key })), ({ partitionKey, data }) => {
  console.log(`sent with partition key ${Buffer.from(data, "base64")}, it arrives with ${partitionKey}`);
});
const hashKeys = [String(2n ** 127n), "0"];
show(hashKeys.map((key) => ({ partitionKey: "a", explicitHashKey: key, data: key })), ({ explicitPartitionKey, data }) => {
  console.log(`sent with hash key ${Buffer.from(data, "base64")}, it arrives with ${explicitPartitionKey}`);
});
PROBE
node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
