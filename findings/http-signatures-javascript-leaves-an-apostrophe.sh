#!/usr/bin/env bash
# HTTP message signatures: a query parameter with an apostrophe or a bracket is signed as another text in JavaScript
#
# Versions: http-message-signatures 1.0.6 (npm), http-message-signatures 3.0.0 (PyPI).
# Expected: the value of `@query-param` is encoded anew with the percent-encode set of HTML forms, a space as %20 (RFC 9421,
# 2.2.8). That set includes ! ' ( ) and ~, but not * - . _
# Seen: the npm package encodes it with `encodeURIComponent`, which leaves ! ' ( ) and ~ as they are. The PyPI package
# encodes them, and says of such a request from JavaScript that its signature is wrong.
#
# Output:
#> green tea: JavaScript signs green%20tea, Python green%20tea: valid
#> a*b_c: JavaScript signs a*b_c, Python a*b_c: valid
#> tea (loose): JavaScript signs tea%20(loose), Python tea%20%28loose%29: InvalidSignature
#> baker's dozen: JavaScript signs baker's%20dozen, Python baker%27s%20dozen: InvalidSignature
#> ~5 kg: JavaScript signs ~5%20kg, Python %7E5%20kg: InvalidSignature
#> hot!: JavaScript signs hot!, Python hot%21: InvalidSignature

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund http-message-signatures@1.0.6
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore http-message-signatures==3.0.0

cat > probe.mjs <<'PROBE'
import signatures from "http-message-signatures";

const { createSigner, httpbis } = signatures;
const fields = ['"@query-param";name="item"'];
const key = createSigner(Buffer.from("a key that both of them have"), "hmac-sha256", "shop");
for (const item of ["green tea", "a*b_c", "tea (loose)", "baker's dozen", "~5 kg", "hot!"]) {
  const request = { method: "GET", url: `https://shop.example/orders?item=${encodeURIComponent(item)}`, headers: {} };
  const [[, [value]]] = httpbis.createSignatureBase({ fields }, request);
  const signed = await httpbis.signMessage({ key, fields, params: ["created", "keyid", "alg"] }, request);
  console.log(JSON.stringify({ item, value, request: { ...request, headers: signed.headers } }));
}
PROBE
cat > probe.py <<'PROBE'
import json
import sys
from types import SimpleNamespace

from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureComponentResolver,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)

KEYS = MappingKeyResolver(private_keys={}, public_keys={"shop": b"a key that both of them have"})
verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=KEYS)
for signed in map(json.loads, sys.stdin):
    request = SimpleNamespace(**signed["request"])
    here = HTTPSignatureComponentResolver(request).get_query_params(name="item")
    try:
        verifier.verify(request)
        verdict = "valid"
    except InvalidSignature as error:
        verdict = type(error).__name__
    print(f"{signed['item']}: JavaScript signs {signed['value']}, Python {here}: {verdict}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
