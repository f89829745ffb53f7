"""What the AWS SDK knows, asked of it: who signs, in which region, at which endpoint, whom to trust.

It is asked for these alone. A call through it would cost four times what it costs to receive, judge and
publish a message: it walks shapes, rules and hooks for each (see bench/results-intake.md).
"""

import os
from dataclasses import dataclass
from typing import Protocol, cast

from aiobotocore.session import AioSession, get_session

from queuecast_poller.queue_address import QueueAddress, is_public
from queuecast_poller.signature import Credentials


class CredentialSource(Protocol):
    """Credentials that may expire, and are renewed meanwhile."""

    async def get_frozen_credentials(self) -> Credentials:
        """Return those that count now. Raises the SDK's errors."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a queue is called. `credentials` is None where nobody has any, and nobody asks for them."""

    url: str
    region: str
    credentials: CredentialSource | None
    ca_bundle: str | None
    public: bool
    """Whether it is AWS's own endpoint."""


async def find_access(queue: QueueAddress) -> Access:
    """Ask a new session of the SDK, which reads the environment and its files anew.

    Raises the SDK's errors, and `ValueError` for an endpoint that is no URL.
    """
    session = get_session()
    region = queue.region or configured_region(session)
    async with session.create_client("sqs", region_name=region) as sdk:
        url, region = sdk.meta.endpoint_url, sdk.meta.region_name
    credentials = await session.get_credentials()
    if queue.endpoint is not None and is_public(url):
        url = queue.endpoint
    return Access(
        url,
        region,
        cast("CredentialSource | None", credentials),
        session.get_config_variable("ca_bundle"),
        is_public(url),
    )


def configured_region(session: AioSession) -> str | None:
    """Return the region of the environment or the profile.

    AWS's other SDKs read `AWS_REGION`, and its platforms set it; botocore knows `AWS_DEFAULT_REGION` alone.
    """
    if not os.environ.get("AWS_DEFAULT_REGION") and (region := os.environ.get("AWS_REGION")):
        return region
    found: str | None = session.get_config_variable("region")
    return found
