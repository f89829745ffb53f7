"""Tokens of AWS IAM: as AWS's own example makes them, and only for a cache that can exist."""

import asyncio
import sys
import threading
from datetime import UTC, datetime
from urllib.parse import ParseResult, urlencode, urlunparse

import botocore.auth
import pytest
from botocore.credentials import Credentials
from botocore.model import ServiceId
from botocore.session import get_session
from botocore.signers import RequestSigner
from redis.exceptions import ConnectionError as ConnectionLost

from queuecast_bus.iam import KINDS, Cache, IamTokens

NOW = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "session/token+of=role")


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for name, value in zip(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"), KEYS, strict=True):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: NOW)


def as_in_the_example(kind: str, name: str, user: str) -> str:
    """Return the token as AWS's example for Python makes it, by another class of the SDK."""
    query = {"Action": "connect", "User": user}
    if kind == "elasticache-serverless":
        query["ResourceType"] = "ServerlessCache"
    service = KINDS[kind]
    events = get_session().get_component("event_emitter")
    signer = RequestSigner(ServiceId(service), "eu-central-1", service, "v4", Credentials(*KEYS), events)
    url = urlunparse(ParseResult("https", name, "/", "", urlencode(query), ""))
    request = {"method": "GET", "url": url, "body": {}, "headers": {}, "context": {}}
    signed: str = signer.generate_presigned_url(
        request, operation_name="connect", expires_in=900, region_name="eu-central-1"
    )
    return signed.removeprefix("https://")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_token_is_what_awss_example_makes(kind: str) -> None:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html"""
    tokens = IamTokens(Cache.parse(f"{kind}:shop-1"), "gateway")
    user, token = await tokens.get_credentials_async()
    assert user == "gateway"
    assert token == as_in_the_example(kind, "shop-1", "gateway")
    assert token.startswith("shop-1/?Action=connect&User=gateway&")
    assert ("ResourceType=ServerlessCache" in token) == (kind == "elasticache-serverless")


def test_each_connection_has_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is kept might have expired when it is needed."""
    tokens = IamTokens(Cache.parse("memorydb:shop"), "gateway")
    first = tokens.get_credentials()
    later = NOW.replace(hour=13)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: later)
    assert tokens.get_credentials() != first


async def test_while_the_sdk_waits_for_credentials_there_is_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each try to connect would leave another one behind, as each look-up of a name would."""
    tokens, entered, free = IamTokens(Cache.parse("memorydb:shop"), "gateway"), [], threading.Event()

    def slow() -> tuple[str, str]:
        entered.append(True)
        free.wait()
        return "gateway", "token"

    monkeypatch.setattr(tokens, "get_credentials", slow)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await tokens.get_credentials_async()
    free.set()
    assert await tokens.get_credentials_async() == ("gateway", "token")
    assert entered == [True]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("shop", "expected KIND:NAME"),
        ("redis:shop", "one of elasticache, elasticache-serverless, memorydb"),
        ("elasticache:", "no name of a cache"),
        ("elasticache:Shop", "lower-case"),
        ("memorydb:shop.abc.memorydb.eu-central-1.amazonaws.com", "no name of a cache"),
    ],
)
def test_a_cache_that_cannot_exist_is_refused(text: str, why: str) -> None:
    """AWS would refuse each token, and say only that the password is wrong."""
    with pytest.raises(ValueError, match=why):
        Cache.parse(text)


def test_without_credentials_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that is not attached, most of the time."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.delenv(f"AWS_{name}")
    with pytest.raises(ConnectionLost, match=r"no IAM token for gateway at shop: .*finds no credentials"):
        IamTokens(Cache.parse("memorydb:shop"), "gateway").get_credentials()


def test_without_the_sdk_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's image has none unless it was built with it."""
    from queuecast_bus.iam import check_sdk

    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(ValueError, match="--build-arg IAM=1"):
        check_sdk()


def test_without_a_region_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The region is part of what is signed."""
    from queuecast_bus.iam import check_sdk

    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(ValueError, match="set AWS_REGION"):
        check_sdk()
