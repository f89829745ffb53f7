"""SQS's errors, with its own codes.

`Refused` is the only error that becomes an answer. Any other is a defect of the emulator.
"""

PREFIXED = frozenset(
    {
        "BatchEntryIdsNotDistinct",
        "BatchRequestTooLong",
        "EmptyBatchRequest",
        "InvalidBatchEntryId",
        "MessageNotInflight",
        "TooManyEntriesInBatchRequest",
        "UnsupportedOperation",
    }
)
RENAMED = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
}


class Refused(Exception):
    """A request, or one entry of a batch, is refused. `code` is the JSON protocol's name of the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def query_code(code: str) -> str:
    """Return the code of the old query protocol, which the SDKs still use for an error."""
    return f"AWS.SimpleQueueService.{code}" if code in PREFIXED else RENAMED.get(code, code)
