#!/usr/bin/env bash
# Idempotency of Powertools in JavaScript: of all events without the fields of a composite key, only the first is processed
#
# Versions: @aws-lambda-powertools/idempotency 2.35.0 (npm), aws-lambda-powertools 3.37.0 (PyPI).
# Expected: an event without an idempotency key is processed, with a warning (documentation, "Making idempotency key required").
# This is so in both languages if the key is one field, and in Python also if it is a list like `[customer, order]`.
# Seen: in JavaScript such a list of nothing is [null, null], which is not null, and so a key like any other. The warning is
# written, and each further event without these fields gets the result of the first one: it is never processed.
#
# Output:
#> JavaScript, key order: processed 1, 2
#> JavaScript, key [customer, order]: processed 1, 1
#> Python, key order: processed 1, 2
#> Python, key [customer, order]: processed 1, 2

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @aws-lambda-powertools/idempotency@2.35.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  aws-lambda-powertools==3.37.0 boto3==1.44.8 jmespath==1.1.0

cat > probe.mjs <<'PROBE'
import {
  IdempotencyConfig, IdempotencyItemAlreadyExistsError, IdempotencyItemNotFoundError, makeIdempotent,
} from "@aws-lambda-powertools/idempotency";
import { BasePersistenceLayer } from "@aws-lambda-powertools/idempotency/persistence";

class Memory extends BasePersistenceLayer {
  records = new Map();
  async _deleteRecord(record) {
    this.records.delete(record.idempotencyKey);
  }
  async _getRecord(key) {
    if (!this.records.has(key)) throw new IdempotencyItemNotFoundError();
    return this.records.get(key);
  }
  async _putRecord(record) {
    const there = this.records.get(record.idempotencyKey);
    if (there) throw new IdempotencyItemAlreadyExistsError("there is one", there);
    await this._updateRecord(record);
  }
  async _updateRecord(record) {
    this.records.set(record.idempotencyKey, record);
  }
}

for (const key of ["order", "[customer, order]"]) {
  const config = new IdempotencyConfig({ eventKeyJmesPath: key });
  const handle = makeIdempotent(async (event) => event.number, { persistenceStore: new Memory(), config, keyPrefix: "probe" });
  const context = { getRemainingTimeInMillis: () => 1000 };
  console.log(`JavaScript, key ${key}: processed ${await handle({ number: 1 }, context)}, ${await handle({ number: 2 }, context)}`);
}
PROBE
cat > probe.py <<'PROBE'
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer


class Memory(BasePersistenceLayer):
    def __init__(self):
        super().__init__()
        self.records = {}

    def _delete_record(self, data_record):
        self.records.pop(data_record.idempotency_key)

    def _get_record(self, idempotency_key):
        if idempotency_key not in self.records:
            raise IdempotencyItemNotFoundError
        return self.records[idempotency_key]

    def _put_record(self, data_record):
        if data_record.idempotency_key in self.records:
            raise IdempotencyItemAlreadyExistsError
        self._update_record(data_record)

    def _update_record(self, data_record):
        self.records[data_record.idempotency_key] = data_record


for key in ("order", "[customer, order]"):
    config = IdempotencyConfig(event_key_jmespath=key)

    @idempotent_function(data_keyword_argument="event", persistence_store=Memory(), config=config, key_prefix="probe")
    def handle(event):
        return event["number"]

    print(f"Python, key {key}: processed {handle(event={'number': 1})}, {handle(event={'number': 2})}")
PROBE
{ node probe.mjs; venv/bin/python -W ignore probe.py; } 2> errors | tee output || { cat errors >&2; exit 1; }

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
