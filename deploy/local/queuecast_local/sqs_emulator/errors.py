"""What SQS refuses, under its own codes.

`Refused` is the only error of the emulator that is an answer; any other is a defect of the emulator itself.
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
    """A request, or one entry of a batch, that cannot be done. `code` is the name of the JSON protocol."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def query_code(code: str) -> str:
    """Return the code of the old query protocol, under which the SDKs know an error to this day."""
    return f"AWS.SimpleQueueService.{code}" if code in PREFIXED else RENAMED.get(code, code)
