"""What the SDK's configuration says of endpoints and regions: without a socket, but with the SDK itself."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
from aiobotocore.session import get_session
from botocore.exceptions import InvalidRegionError, NoRegionError, ProfileNotFound

from queuecast_poller.sqs.credentials import find_access
from queuecast_poller.sqs.queue_address import parse_queue

ACCOUNT = "123456789012"
PLAIN = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        **PLAIN,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("queue", "environment", "url", "region"),
    [
        ("orders", {}, "https://sqs.us-east-1.amazonaws.com", "us-east-1"),
        ("orders", {"AWS_DEFAULT_REGION": "eu-west-2"}, "https://sqs.eu-west-2.amazonaws.com", "eu-west-2"),
        (
            f"arn:aws:sqs:eu-west-1:{ACCOUNT}:orders",
            {},
            "https://sqs.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        (
            f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/orders",
            {},
            "https://sqs.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        (
            f"https://us-east-2.queue.amazonaws.com/{ACCOUNT}/orders",
            {"AWS_USE_FIPS_ENDPOINT": "true"},
            "https://sqs-fips.us-east-2.amazonaws.com",
            "us-east-2",
        ),
        (
            f"https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/{ACCOUNT}/orders",
            {},
            "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com",
            "eu-west-1",
        ),
        (
            f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/orders",
            {"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:4566"},
            "http://127.0.0.1:4566",
            "eu-west-1",
        ),
        (
            f"http://sqs.eu-west-1.localhost.localstack.cloud:4566/{ACCOUNT}/orders",
            {"AWS_ENDPOINT_URL": "http://localstack:4566"},
            "http://localstack:4566",
            "eu-west-1",
        ),
        (f"http://127.0.0.1:9324/{ACCOUNT}/orders", {}, "http://127.0.0.1:9324", "us-east-1"),
    ],
)
async def test_a_queue_is_called_where_it_is(
    queue: str, environment: Mapping[str, str], url: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue's own region overrides the process's, and a configured endpoint overrides a URL's host: that is
    how a proxy or an emulator is reached.
    """
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    access = await find_access(parse_queue(queue))
    assert (access.url, access.region) == (url, region)
    assert access.credentials is not None
    assert (await access.credentials.get_frozen_credentials()).access_key == "AKID"


@pytest.mark.parametrize("fips", ["true", "false"])
@pytest.mark.parametrize("dualstack", ["true", "false"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "us-gov-west-1"])
async def test_the_endpoint_is_the_one_that_the_sdk_would_call(
    region: str, fips: str, dualstack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It resolves a call's endpoint by other rules than a client's, and an upgrade may make them differ."""
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", fips)
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", dualstack)
    queue = f"arn:aws:sqs:{region}:{ACCOUNT}:orders"
    async with get_session().create_client("sqs", region_name=region) as sdk:
        signed = urlsplit(await sdk.generate_presigned_url("list_queues", HttpMethod="POST"))
    access = await find_access(parse_queue(queue))
    assert access.url == f"{signed.scheme}://{signed.netloc}"
    assert f"%2F{access.region}%2Fsqs%2F" in signed.query


@pytest.mark.parametrize(
    ("environment", "error"),
    [
        ({"AWS_REGION": ""}, NoRegionError),
        ({"AWS_REGION": "us east"}, InvalidRegionError),
        ({"AWS_PROFILE": "typo"}, ProfileNotFound),
        ({"AWS_ENDPOINT_URL_SQS": "localhost:4566"}, ValueError),
    ],
    ids=["no region", "no such region", "no such profile", "an endpoint without scheme"],
)
async def test_a_wrong_configuration_is_an_error_of_the_sdks(
    environment: Mapping[str, str], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client reports it as a wrong setting; see its tests."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error):
        await find_access(parse_queue("orders"))
