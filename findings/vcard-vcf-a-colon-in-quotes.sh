#!/usr/bin/env bash
# vCards in JavaScript: an address with a position has another street
#
# Versions: vcf 2.1.2 (npm), vobject 0.9.9 (PyPI).
# Expected: in double quotes, a parameter's value has colons, semicolons and commas (RFC 6350, section 3.3). The address is that
# RFC's own example (6.3.1).
# Seen: vcf ends the parameters at the colon of `geo:`. The rest of the parameters is the beginning of the address, each part of
# it is in another place, and the label is lost. vobject reads the address as it is.
#
# Output:
#> vcf:     geo "geo - label undefined - street "" - city "123 Main Street"
#> vobject: geo geo:12.3457,78.910 - label Mr. John Q. Public, Esq... - street "123 Main Street" - city "Any Town"

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund vcf@2.1.2
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore vobject==0.9.9

cat > address <<'PROBE'
ADR;GEO="geo:12.3457,78.910";LABEL="Mr. John Q. Public, Esq.\nMail Drop: TNE QB\n123 Main Street\nAny Town, CA  91921-1234\nU.S.A.":;;123 Main Street;Any Town;CA;91921-1234;U.S.A.
PROBE
printf '%s\r\n' BEGIN:VCARD VERSION:4.0 'FN:John Q. Public' "$(cat address)" END:VCARD > card.vcf
cat > probe.cjs <<'PROBE'
const address = new (require("vcf"))().parse(require("fs").readFileSync("card.vcf", "utf8")).get("adr");
const [, , street, city] = address.valueOf().split(";");
console.log("vcf:     geo", address.geo, "- label", address.label, "- street", JSON.stringify(street), "- city", JSON.stringify(city));
PROBE
cat > probe.py <<'PROBE'
import vobject

address = vobject.readOne(open("card.vcf", newline="").read()).adr
label = address.params["LABEL"][0][:23] + "..."
place = address.value
print("vobject: geo", *address.params["GEO"], "- label", label, f'- street "{place.street}" - city "{place.city}"')
PROBE
{ node probe.cjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
