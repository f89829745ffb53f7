"""Failures of SQS: a closed set of reasons, and the errors that carry them. Pure.

`QueueUnavailable` is about a whole call, `Failed` about one entry of a batch. Both know the reason under
which they are counted.
"""

from dataclasses import dataclass
from enum import StrEnum


class Call(StrEnum):
    """The kinds of calls to SQS: a label of the metric."""

    OPEN = "open"
    RECEIVE = "receive"
    DELETE = "delete"
    VISIBILITY = "visibility"
    SEND = "send"
    MOVE = "move"
    """Moves dead letters back to their queue. Operators do that, the poller never does."""


class Failure(StrEnum):
    """Why a call failed: the closed set of the metric's other label."""

    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    CREDENTIALS = "credentials"
    DENIED = "denied"
    MISSING = "missing"
    RECEIPT = "receipt"
    """The receipt handle is no longer valid: the message was deleted, or was hidden for too long."""
    GARBLED = "garbled"
    """The answer does not come from SQS, or was cut off or altered."""
    OTHER = "other"


class QueueUnavailable(Exception):
    """A call to SQS failed; `reason` is its label."""

    def __init__(self, call: Call, queue: str, reason: Failure, detail: str) -> None:
        super().__init__(f"{call} ({queue}): {reason}: {detail}")
        self.call = call
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Failed:
    """One entry of a batch that SQS refused. `sender_fault` means that SQS blames the request."""

    receipt_handle: str
    code: str
    sender_fault: bool = False

    @property
    def reason(self) -> Failure:
        """Its label. If the fault is in one entry, it is the receipt handle, for which SQS has many codes."""
        reason = reason_of(self.code)
        return Failure.RECEIPT if self.sender_fault and reason is Failure.OTHER else reason

    @property
    def final(self) -> bool:
        """Whether another try could only fail again."""
        return self.reason is Failure.RECEIPT


_CODES = {
    Failure.THROTTLED: (
        "BandwidthLimitExceeded",
        "KmsThrottled",
        "LimitExceeded",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttled",
        "Throttling",
        "TooManyRequests",
    ),
    Failure.SERVER_ERROR: ("InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable"),
    Failure.TIMEOUT: ("RequestTimeout",),
    Failure.CREDENTIALS: (
        "AuthFailure",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSignature",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClient",
    ),
    Failure.DENIED: (
        "AccessDenied",
        "KmsAccessDenied",
        "KmsDisabled",
        "KmsInvalidKeyUsage",
        "KmsInvalidState",
        "KmsNotFound",
        "KmsOptInRequired",
        "OptInRequired",
        "UnauthorizedOperation",
    ),
    Failure.MISSING: ("NonExistentQueue", "QueueDeletedRecently", "QueueDoesNotExist", "ResourceNotFound"),
    Failure.RECEIPT: ("MessageNotInflight", "ReceiptHandleIsInvalid"),
}
# Sources: the errors in botocore's model of SQS, and
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
_REASONS = {code: reason for reason, codes in _CODES.items() for code in codes}

_STATUSES = {401: Failure.CREDENTIALS, 403: Failure.DENIED, 408: Failure.TIMEOUT, 429: Failure.THROTTLED}


def reason_of(code: str, status: int = 0) -> Failure:
    """Return the reason for an error code of SQS, or for the HTTP status if the code is unknown.

    A code comes as `com.amazonaws.sqs#QueueDoesNotExist`, as `AWS.SimpleQueueService.NonExistentQueue` from
    the older protocol, as `KMS.ThrottlingException`, or bare.
    """
    name = code.rpartition("#")[2].removeprefix("AWS.SimpleQueueService.").removesuffix("Exception")
    for spelling in (name, name.replace("KMS.", "Kms"), name.removeprefix("KMS.")):
        if spelling in _REASONS:
            return _REASONS[spelling]
    return Failure.SERVER_ERROR if status >= 500 else _STATUSES.get(status, Failure.OTHER)
