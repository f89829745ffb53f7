#!/usr/bin/env bash
# requests-aws4auth: of a path with a semicolon, what follows it is not signed
#
# Versions: requests-aws4auth 1.4.0, botocore 1.44.8, requests 2.34.2 (PyPI).
# Expected: the whole path is signed (AWS, "Create a signed AWS API request": canonical URI). A semicolon is an ordinary
# character of a path (RFC 3986, 3.3).
# Seen: the path is taken from Python's `urlparse`, which makes a field of its own of what follows a semicolon in the last
# segment. /orders/7;v=2 is sent with the signature of /orders/7, and a service that checks it refuses the request.
#
# Output:
#> /orders/7: requests-aws4auth signs what botocore signs for /orders/7
#> /orders/7,8: requests-aws4auth signs what botocore signs for /orders/7,8
#> /orders;v=2/7: requests-aws4auth signs what botocore signs for /orders;v=2/7
#> /orders/7;v=2: requests-aws4auth signs what botocore signs for /orders/7

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  requests-aws4auth==1.4.0 botocore==1.44.8 requests==2.34.2

cat > probe.py <<'PROBE'
from datetime import datetime
from unittest.mock import patch

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests import Request
from requests_aws4auth import AWS4Auth

KEY = ("AKIDEXAMPLE", "an example")
PATHS = ("/orders/7", "/orders/7,8", "/orders;v=2/7", "/orders/7;v=2")


def signature(headers):
    return headers["Authorization"].rpartition("Signature=")[2]


def by_botocore(path):
    request = AWSRequest("GET", f"https://api.example{path}", headers={})
    with patch("botocore.auth.get_current_datetime", lambda: datetime(2026, 1, 2, 3, 4, 5)):
        SigV4Auth(Credentials(*KEY), "execute-api", "us-east-1").add_auth(request)
    return signature(request.headers)


def by_aws4auth(path):
    request = Request("GET", f"https://api.example{path}", headers={"x-amz-date": "20260102T030405Z"}).prepare()
    assert request.url == f"https://api.example{path}"
    AWS4Auth(*KEY, "us-east-1", "execute-api", include_hdrs={"host", "x-amz-date"})(request)
    return signature(request.headers)


signed = {by_botocore(path): path for path in PATHS}
for path in PATHS:
    print(f"{path}: requests-aws4auth signs what botocore signs for {signed[by_aws4auth(path)]}")
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
