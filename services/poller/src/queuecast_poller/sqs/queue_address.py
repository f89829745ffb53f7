"""The address of a queue, parsed from a name, a URL or an ARN. Pure.

The region in an ARN or in a URL's host overrides `AWS_REGION`, because a queue of the same name in another
region is another queue. https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ACCOUNT = re.compile(r"\d{1,12}")

_AWS = r"(?:amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)"
_PUBLIC = re.compile(
    r"sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
    r"|(?P<old>[a-z0-9-]+)\.queue\.amazonaws\.com(?:\.cn)?"
)
"""Hosts that the SDK may replace, as `AWS_USE_FIPS_ENDPOINT` and the like make it do."""
_CHOSEN = re.compile(
    rf"sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)\.{_AWS}"
    rf"|[a-z0-9-]+\.sqs(?:-fips)?\.(?P<vpce>[a-z0-9-]+)\.vpce\.{_AWS}"
    r"|sqs\.(?P<local>[a-z0-9-]+)\.localhost\.localstack\.cloud"
)
"""Hosts with a region in their name that were chosen on purpose: FIPS, IPv6, a VPC endpoint, an emulator."""
_REGIONAL = re.compile(rf"sqs(?:-fips)?\.[a-z0-9-]+\.{_AWS}")


class BadQueue(ValueError):
    """The text does not name a queue; the message says why, and what was expected."""


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """Where a queue is. What is None comes from the SDK's configuration.

    `endpoint` is the one in the queue's URL. It is used unless another one is configured.
    """

    name: str
    account: str | None = None
    region: str | None = None
    url: str | None = None
    endpoint: str | None = None


def parse_queue(text: str) -> QueueAddress:
    """Read a name, a URL or an ARN. Raises `BadQueue`."""
    if text.startswith("arn:"):
        return _parse_arn(text)
    if "://" in text:
        return _parse_url(text)
    return QueueAddress(_checked_name(text, text))


def is_public(endpoint: str) -> bool:
    """Return whether an endpoint is AWS's public one of its region."""
    host = urlsplit(endpoint).hostname or ""
    return (
        _PUBLIC.fullmatch(host) is not None
        or re.fullmatch(rf"sqs(-fips)?\.[a-z0-9-]+\.{_AWS}", host) is not None
    )


def _parse_arn(text: str) -> QueueAddress:
    parts = text.split(":")
    if len(parts) > 2 and parts[2] != "sqs":
        raise BadQueue(f"{text} is an ARN of {parts[2] or 'nothing'}, not of a queue (arn:aws:sqs:…)")
    if len(parts) != 6:
        raise BadQueue(f"{text} is not the ARN of a queue: expected arn:aws:sqs:REGION:ACCOUNT:NAME")
    _, _, _, region, account, name = parts
    if not _REGION.fullmatch(region):
        raise BadQueue(f"{text} has no region: expected arn:aws:sqs:REGION:ACCOUNT:NAME")
    if not _ACCOUNT.fullmatch(account):
        raise BadQueue(f"{text} has no account: expected arn:aws:sqs:REGION:ACCOUNT:NAME")
    return QueueAddress(_checked_name(name, text), account, region)


def _parse_url(text: str) -> QueueAddress:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError as exc:
        raise BadQueue(f"{text} is not a URL: {exc}") from None
    if url.scheme not in ("http", "https"):
        raise BadQueue(f"{text} is not the URL of a queue: expected https://HOST/ACCOUNT/NAME")
    if not host or url.username is not None or url.query or url.fragment:
        raise BadQueue(f"{text} is not the URL of a queue: expected https://HOST/ACCOUNT/NAME only")
    *path, name = url.path.split("/")
    if not any(path):
        raise BadQueue(f"{text} names no queue: expected https://HOST/ACCOUNT/NAME")
    _checked_name(name, text)
    if public := _PUBLIC.fullmatch(host):
        return QueueAddress(name, region=public["region"] or public["old"], url=text)
    chosen = _CHOSEN.fullmatch(host)
    region = next((found for found in chosen.groups() if found), None) if chosen else None
    return QueueAddress(name, region=region, url=text, endpoint=f"{url.scheme}://{url.netloc}")


def _checked_name(name: str, text: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadQueue(
            f"{text!r} names no queue: a name has 1 to 80 letters, digits, hyphens and underscores, "
            "and that of a FIFO queue ends in .fifo"
        )
    return name
