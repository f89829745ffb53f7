#!/usr/bin/env bash
# vCards in Python: of two nicknames, one remains
#
# Versions: vobject 0.9.9 (PyPI), vcf 2.1.2 (npm).
# Expected: NICKNAME and CATEGORIES are lists with commas (RFC 2426, sections 3.1.3 and 3.7.1, with examples like these).
# Seen: vobject reads a list of categories, but of the nicknames only what stands before the first comma. A program that reads a
# card, changes something else and writes it back has deleted the others.
#
# Output:
#> vobject reads  Jim and ['INTERNET', 'IETF', 'INDUSTRY']
#> vobject writes CATEGORIES:INTERNET,IETF,INDUSTRY
#> vobject writes NICKNAME:Jim
#> vcf reads      Jim,Jimmie and INTERNET,IETF,INDUSTRY

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund vcf@2.1.2
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore vobject==0.9.9

printf '%s\r\n' BEGIN:VCARD VERSION:3.0 'N:Doe;Jim' 'FN:Jim Doe' NICKNAME:Jim,Jimmie CATEGORIES:INTERNET,IETF,INDUSTRY END:VCARD > card.vcf
cat > probe.py <<'PROBE'
import vobject

card = vobject.readOne(open("card.vcf", newline="").read())
print("vobject reads ", card.nickname.value, "and", card.categories.value)
for line in card.serialize().splitlines():
    if line.startswith(("NICKNAME", "CATEGORIES")):
        print("vobject writes", line)
PROBE
cat > probe.cjs <<'PROBE'
const card = new (require("vcf"))().parse(require("fs").readFileSync("card.vcf", "utf8"));
console.log("vcf reads     ", String(card.get("nickname").valueOf()), "and", String(card.get("categories").valueOf()));
PROBE
{ venv/bin/python probe.py; node probe.cjs; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
