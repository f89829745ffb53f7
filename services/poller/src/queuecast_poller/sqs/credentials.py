"""What the AWS SDK's configuration says: credentials, region, endpoint, trusted certificates.

The SDK is used for these alone. A call through it would cost four times as much as receiving, judging and
publishing a message, because it walks shapes, rules and hooks for each (see bench/results-intake.md).
"""

import os
from dataclasses import dataclass
from typing import Protocol, cast

from aiobotocore.session import AioSession, get_session

from queuecast_poller.sqs.queue_address import QueueAddress, is_public
from queuecast_poller.sqs.signature import Credentials


class CredentialSource(Protocol):
    """Credentials that are renewed before they expire."""

    async def get_frozen_credentials(self) -> Credentials:
        """Return the current ones. Raises the SDK's errors."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a queue is called. `credentials` is None if the SDK finds none."""

    url: str
    region: str
    credentials: CredentialSource | None
    ca_bundle: str | None
    public: bool
    """Whether it is AWS's own endpoint."""


async def find_access(queue: QueueAddress) -> Access:
    """Ask a new session of the SDK, which reads the environment and the SDK's files again.

    Raises the SDK's errors, and `ValueError` for an endpoint that is not a URL.
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
    """Return the region from the environment or the profile.

    AWS's other SDKs read `AWS_REGION`, and its platforms set it; botocore reads only `AWS_DEFAULT_REGION`.
    """
    if not os.environ.get("AWS_DEFAULT_REGION") and (region := os.environ.get("AWS_REGION")):
        return region
    found: str | None = session.get_config_variable("region")
    return found
