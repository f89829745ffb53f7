"""Our signatures compared with the SDK's: two implementations of one specification."""

import datetime

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.unit.endpoint import Keys

from queuecast_poller.sqs.signature import Signer

TIME = "20261129T154408Z"
KEYS = [Keys(), Keys("AKID", "a/secret+with=signs", "a/token+==")]
TARGET = "AmazonSQS.ReceiveMessage"


def signed_by_the_sdk(
    monkeypatch: pytest.MonkeyPatch, url: str, region: str, keys: Keys, body: bytes, time: str
) -> str:
    """Return the header that botocore makes for the same request."""
    moment = datetime.datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: moment)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": TARGET}
    request = AWSRequest("POST", url, headers, body)
    auth.SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token), "sqs", region).add_auth(request)
    header: str = request.headers["Authorization"]
    return header


@pytest.mark.parametrize("keys", KEYS, ids=["key", "session token"])
@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/", "eu-west-1"),
        ("http://127.0.0.1:9324/", "us-east-1"),
        ("https://proxy.example/sqs/v1/", "ap-southeast-4"),
        ("https://proxy.example/a%20b/", "ap-southeast-4"),
    ],
)
@pytest.mark.parametrize("body", [b"{}", '{"QueueUrl": "ü"}'.encode()], ids=["empty", "text"])
def test_a_signature_is_the_sdks(
    monkeypatch: pytest.MonkeyPatch, keys: Keys, url: str, region: str, body: bytes
) -> None:
    """SQS accepts that one, and refuses any other."""
    headers = Signer(url, region).headers(TARGET, body, keys, TIME)
    assert headers["authorization"] == signed_by_the_sdk(monkeypatch, url, region, keys, body, TIME)
    assert headers.get("x-amz-security-token") == keys.token


def test_another_day_or_another_secret_has_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The derived key is cached, and is no longer valid after midnight or when a role is renewed."""
    url, region = "https://sqs.eu-west-1.amazonaws.com/", "eu-west-1"
    signer = Signer(url, region)
    for keys, time in [(KEYS[0], TIME), (KEYS[1], TIME), (KEYS[1], "20261130T000000Z"), (KEYS[0], TIME)]:
        expected = signed_by_the_sdk(monkeypatch, url, region, keys, b"{}", time)
        assert signer.headers(TARGET, b"{}", keys, time)["authorization"] == expected


def test_without_credentials_there_is_no_signature() -> None:
    """An emulator needs none."""
    headers = Signer("http://127.0.0.1:9324", "us-east-1").headers(TARGET, b"{}", None, TIME)
    assert "authorization" not in headers
    assert headers["x-amz-target"] == TARGET
