#!/usr/bin/env bash
# KSUID: two libraries of npm are six years apart
#
# Versions: @thi.ng/ksuid 3.2.124, ksuid 3.0.0 (npm).
# Expected: the seconds of a KSUID count from 1400000000, the 13th of May 2014, as where the format comes from (segmentio/ksuid).
# Seen: @thi.ng/ksuid counts from 1600000000 by default, as its README says. Its ids have the same 27 characters and are valid
# for the other, which reads a time 200000000 seconds too early. In one list, the ids of 2026 stand among those of 2020. The
# option `epoch` with 1400000000000 makes them agree.
#
# Output:
#> @thi.ng/ksuid writes 2026-11-29T12:47:55.000Z: 27 characters, ksuid reads 2020-07-28T17:14:35.000Z
#> @thi.ng/ksuid with epoch 1400000000000: 27 characters, ksuid reads 2026-11-29T12:47:55.000Z
#> ksuid writes 2026-11-29T12:47:55.000Z: 27 characters, @thi.ng/ksuid reads 2033-04-01T08:21:15.000Z

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @thi.ng/ksuid@3.2.124 ksuid@3.0.0

cat > probe.mjs <<'PROBE'
import { defKSUID32 } from "@thi.ng/ksuid";
import KSUID from "ksuid";

const at = 1795956475000;
const written = defKSUID32().fromEpoch(at);
console.log(`@thi.ng/ksuid writes ${new Date(at).toISOString()}: ${written.length} characters, ksuid reads ${KSUID.parse(written).date.toISOString()}`);
const agreed = defKSUID32({ epoch: 1400000000000 }).fromEpoch(at);
console.log(`@thi.ng/ksuid with epoch 1400000000000: ${agreed.length} characters, ksuid reads ${KSUID.parse(agreed).date.toISOString()}`);
const other = KSUID.fromParts(at, Buffer.alloc(16, 7)).string;
console.log(`ksuid writes ${new Date(at).toISOString()}: ${other.length} characters, @thi.ng/ksuid reads ${new Date(defKSUID32().parse(other).epoch).toISOString()}`);
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
