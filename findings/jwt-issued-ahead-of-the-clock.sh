#!/usr/bin/env bash
# JWT: a token from a clock that is ahead is refused by three of seven libraries
#
# Versions: PyJWT 2.15.1, joserfc 1.8.0, python-jose 3.5.0 (PyPI), jose 6.2.18, jsonwebtoken 9.0.3 (npm),
# github.com/golang-jwt/jwt 5.3.1, github.com/lestrrat-go/jwx 3.4.0 (Go).
# Expected: RFC 7519, section 4.1.6: `iat` tells the age of a token. The RFC has nobody refuse a token for it; for "not yet"
# there is `nbf`, with leeway.
# Seen: PyJWT, joserfc and jwx refuse it by default, the other four accept it. Right after a login, a page whose token comes
# from a machine with a clock two seconds ahead is let in by the service in Node and refused by the one in Python, until it
# tries again.
#
# Output:
#> PyJWT        ImmatureSignatureError
#> joserfc      InvalidClaimError
#> python-jose  accepts it
#> jose         accepts it
#> jsonwebtoken accepts it
#> golang-jwt   accepts it
#> jwx          refuses it

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jose@6.2.18 jsonwebtoken@9.0.3
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore PyJWT==2.15.1 joserfc==1.8.0 python-jose==3.5.0
go mod init probe 2> /dev/null
go get github.com/golang-jwt/jwt/v5@v5.3.1 github.com/lestrrat-go/jwx/v3@v3.4.0 2> /dev/null

cat > probe.py <<'PROBE'
import sys

import joserfc.jwk
import joserfc.jwt
import jose.jwt
import jwt

token, key = sys.argv[1:]


def registry():
    joserfc.jwt.JWTClaimsRegistry().validate(joserfc.jwt.decode(token, joserfc.jwk.OctKey.import_key(key)).claims)


for name, verify in {
    "PyJWT": lambda: jwt.decode(token, key, algorithms=["HS256"]),
    "joserfc": registry,
    "python-jose": lambda: jose.jwt.decode(token, key, algorithms=["HS256"]),
}.items():
    try:
        verify()
        print(f"{name:12} accepts it")
    except Exception as error:
        print(f"{name:12} {type(error).__name__}")
PROBE
cat > probe.mjs <<'PROBE'
import { jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";

const [token, key] = process.argv.slice(2);
const libraries = { jose: () => jwtVerify(token, new TextEncoder().encode(key)), jsonwebtoken: () => jsonwebtoken.verify(token, key) };
for (const [name, verify] of Object.entries(libraries)) {
  try {
    await verify();
    console.log(name.padEnd(12), "accepts it");
  } catch (error) {
    console.log(name.padEnd(12), error.name);
  }
}
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwx "github.com/lestrrat-go/jwx/v3/jwt"
)

func main() {
	token, key := os.Args[1], []byte(os.Args[2])
	_, first := jwt.Parse(token, func(*jwt.Token) (any, error) { return key, nil })
	_, second := jwx.Parse([]byte(token), jwx.WithKey(jwa.HS256(), key))
	for name, err := range map[string]error{"golang-jwt": first, "jwx": second} {
		if err == nil {
			fmt.Printf("%-12s accepts it\n", name)
		} else {
			fmt.Printf("%-12s refuses it\n", name)
		}
	}
}
PROBE
go mod tidy 2> /dev/null
go build -o probe .
key=0123456789abcdef0123456789abcdef
# The token is an hour ahead, so that the machine's speed plays no part.
token=$(node -p "require('jsonwebtoken').sign({ iat: Math.floor(Date.now() / 1000) + 3600 }, '$key')")
{ venv/bin/python probe.py "$token" "$key"; node probe.mjs "$token" "$key"; ./probe "$token" "$key" | sort; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
