import pytest

from queuecast_poller.settings import Settings
from queuecast_poller.sqs.queue_address import BadQueue, QueueAddress, is_public, parse_queue

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("orders", QueueAddress("orders")),
        ("Orders_2-b.fifo", QueueAddress("Orders_2-b.fifo")),
        (
            f"arn:aws:sqs:eu-west-1:{ACCOUNT}:orders",
            QueueAddress("orders", ACCOUNT, "eu-west-1"),
        ),
        (
            f"arn:aws-cn:sqs:cn-north-1:{ACCOUNT}:orders.fifo",
            QueueAddress("orders.fifo", ACCOUNT, "cn-north-1"),
        ),
        ("arn:aws:sqs:elasticmq:000000000000:orders", QueueAddress("orders", "000000000000", "elasticmq")),
    ],
)
def test_a_queue_is_a_name_or_an_arn(text: str, address: QueueAddress) -> None:
    """An ARN has the region and the account; a name is looked up where the SDK is configured to."""
    assert parse_queue(text) == address


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("eu-west-1.queue.amazonaws.com", "eu-west-1"),
        ("cn-north-1.queue.amazonaws.com.cn", "cn-north-1"),
    ],
)
def test_the_region_of_a_queue_is_that_of_its_urls_host(host: str, region: str) -> None:
    """`AWS_REGION` may be another one, in which another queue has the same name."""
    text = f"https://{host}/{ACCOUNT}/orders"
    assert parse_queue(text) == QueueAddress("orders", region=region, url=text)


@pytest.mark.parametrize(
    ("origin", "region"),
    [
        ("https://sqs-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("https://sqs.eu-west-1.api.aws", "eu-west-1"),
        ("https://sqs-fips.us-gov-west-1.api.aws", "us-gov-west-1"),
        ("https://sqs.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"),
        ("https://vpce-0a1-b2c.sqs.eu-central-1.vpce.amazonaws.com", "eu-central-1"),
        ("https://vpce-0a1-b2c-eu-central-1a.sqs.eu-central-1.vpce.amazonaws.com", "eu-central-1"),
        ("http://sqs.eu-west-3.localhost.localstack.cloud:4566", "eu-west-3"),
        ("http://127.0.0.1:9324", None),
        ("http://[::1]:9324", None),
        ("http://elasticmq:9324", None),
        ("https://sqs.eu-west-1.amazonaws.com.example.org", None),
    ],
)
def test_a_host_that_was_chosen_on_purpose_is_the_endpoint(origin: str, region: str | None) -> None:
    """A VPC endpoint, one for FIPS, an emulator: no other may be called instead."""
    text = f"{origin}/{ACCOUNT}/orders"
    assert parse_queue(text) == QueueAddress("orders", region=region, url=text, endpoint=origin)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:orders", "an ARN of sns, not of a queue"),
        ("arn:aws:s3:::orders", "an ARN of s3, not of a queue"),
        ("arn:aws:sqs:eu-west-1:orders", "expected arn:aws:sqs:REGION:ACCOUNT:NAME"),
        ("arn:aws:sqs:eu-west-1:123456789012:orders:more", "expected arn:aws:sqs:REGION:ACCOUNT:NAME"),
        ("arn:aws:sqs::123456789012:orders", "has no region"),
        ("arn:aws:sqs:eu west:123456789012:orders", "has no region"),
        ("arn:aws:sqs:eu-west-1:me:orders", "has no account"),
        ("arn:aws:sqs:eu-west-1:123456789012:", "names no queue"),
        ("arn:", "an ARN of nothing|not the ARN"),
        ("orders!", "a name has 1 to 80 letters"),
        ("o" * 81, "a name has 1 to 80 letters"),
        ("orders.fif", "that of a FIFO queue ends in .fifo"),
        (".fifo", "names no queue"),
        ("sqs.eu-west-1.amazonaws.com/123456789012/orders", "names no queue"),
        ("ftp://sqs.eu-west-1.amazonaws.com/123456789012/orders", "expected https://HOST/ACCOUNT/NAME"),
        ("https:///123456789012/orders", "expected https://HOST/ACCOUNT/NAME"),
        ("https://sqs.eu-west-1.amazonaws.com", "names no queue"),
        ("https://sqs.eu-west-1.amazonaws.com/orders", "names no queue"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/", "names no queue"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders?x=1", "ACCOUNT/NAME only"),
        ("https://user@sqs.eu-west-1.amazonaws.com/123456789012/orders", "ACCOUNT/NAME only"),
        ("https://127.0.0.1:port/123456789012/orders", "is not a URL"),
    ],
)
def test_what_names_no_queue_is_refused_with_what_would(text: str, why: str) -> None:
    """At SQS it would be missing for ever, or be another queue."""
    with pytest.raises(BadQueue, match=why):
        parse_queue(text)


def test_a_setting_that_names_no_queue_is_a_mistake_in_the_environment() -> None:
    """It is reported at the start, in one line, with exit code 2."""
    with pytest.raises(ValueError, match="an ARN of sns, not of a queue"):
        Settings.model_validate({"queues": f"orders,arn:aws:sns:eu-west-1:{ACCOUNT}:orders"})


@pytest.mark.parametrize(
    ("endpoint", "public"),
    [
        ("https://sqs.eu-west-1.amazonaws.com", True),
        ("https://sqs-fips.us-east-1.amazonaws.com/", True),
        ("https://sqs.eu-west-1.api.aws", True),
        ("https://vpce-0a1.sqs.eu-west-1.vpce.amazonaws.com", False),
        ("http://127.0.0.1:9324", False),
        ("https://sqs.eu-west-1.amazonaws.com.example.org", False),
    ],
)
def test_an_endpoint_is_public_if_it_is_the_one_of_its_region(endpoint: str, public: bool) -> None:
    """Any other was configured, and overrides a queue's URL."""
    assert is_public(endpoint) is public
