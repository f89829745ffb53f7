#!/usr/bin/env bash
# botocore's signature for requests of one's own: a query with a colon, a slash or a star is signed as it is written
#
# Versions: botocore 1.44.8, requests-aws4auth 1.4.0 (PyPI); aws4 1.13.2, aws4fetch 1.0.20 (npm).
# Expected: names and values of the query are URI-encoded for the signature, all but letters, digits and -._~, with upper case
# letters in %2F (AWS, "Create a signed AWS API request": canonical query string). The others do this.
# Seen: `SigV4Auth.add_auth` of an AWSRequest sorts the parameters of the URL and changes no character. A URL with
# `from=10:30` is a valid one, and its signature is another than everybody else's; a service that follows the description
# refuses it. With `params=` instead of a query in the URL it is encoded.
#
# Output:
#> /orders?b=2&a=1: the same in all four
#> /orders?from=10%3A30: the same in all four
#> /orders?from=10:30: botocore differs; with params= it does not
#> /orders?name=a/b: botocore differs; with params= it does not
#> /orders?name=a%2fb: botocore differs; with params= it does not
#> /orders?name=*: botocore differs; with params= it does not
#> /orders?name=(it's): botocore differs; with params= it does not
#> /orders?q=a+b: botocore differs; with params= it does not

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund aws4@1.13.2 aws4fetch@1.0.20
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  botocore==1.44.8 requests-aws4auth==1.4.0

cat > probe.mjs <<'PROBE'
import aws4 from "aws4";
import { AwsV4Signer } from "aws4fetch";

const time = "20260102T030405Z";
const service = { service: "execute-api", region: "us-east-1" };
const key = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "an example" };
const queries = [
  "b=2&a=1", "from=10%3A30", "from=10:30", "name=a/b", "name=a%2fb", "name=*", "name=(it's)", "q=a+b",
];
for (const query of queries) {
  const path = `/orders?${query}`;
  const one = aws4.sign({ host: "api.example", path, ...service, headers: { "X-Amz-Date": time } }, key);
  const other = await new AwsV4Signer({ url: `https://api.example${path}`, datetime: time, ...service, ...key }).sign();
  console.log(JSON.stringify([path, one.headers.Authorization, other.headers.get("authorization")]));
}
PROBE
cat > probe.py <<'PROBE'
import json
import sys
from datetime import datetime
from unittest.mock import patch
from urllib.parse import parse_qsl

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests import Request
from requests_aws4auth import AWS4Auth

KEY = ("AKIDEXAMPLE", "an example")


def signature(headers):
    return headers["Authorization"].rpartition("Signature=")[2]


def by_botocore(url, **more):
    request = AWSRequest("GET", url, headers={}, **more)
    with patch("botocore.auth.get_current_datetime", lambda: datetime(2026, 1, 2, 3, 4, 5)):
        SigV4Auth(Credentials(*KEY), "execute-api", "us-east-1").add_auth(request)
    return signature(request.headers)


def by_aws4auth(url):
    request = Request("GET", url, headers={"x-amz-date": "20260102T030405Z"}).prepare()
    AWS4Auth(*KEY, "us-east-1", "execute-api", include_hdrs={"host", "x-amz-date"})(request)
    return signature(request.headers)


for path, *javascript in map(json.loads, sys.stdin):
    url, _, query = f"https://api.example{path}".partition("?")
    others = {signature({"Authorization": each}) for each in javascript} | {by_aws4auth(f"{url}?{query}")}
    assert len(others) == 1
    if by_botocore(f"{url}?{query}") in others:
        print(f"{path}: the same in all four")
    else:
        encoded = by_botocore(url, params=dict(parse_qsl(query))) in others
        print(f"{path}: botocore differs; with params= it does {'not' if encoded else 'too'}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
