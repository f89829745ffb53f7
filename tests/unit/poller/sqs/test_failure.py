import pytest
from tests.unit.poller.fakes import failing

from queuecast_poller.sqs.failure import Call, Failed, Failure, reason_of


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("RequestThrottled", Failure.THROTTLED),
        ("ThrottlingException", Failure.THROTTLED),
        ("AWS.SimpleQueueService.RequestThrottled", Failure.THROTTLED),
        ("KMS.ThrottlingException", Failure.THROTTLED),
        ("com.amazonaws.sqs#KmsThrottled", Failure.THROTTLED),
        ("OverLimit", Failure.THROTTLED),
        ("InternalFailure", Failure.SERVER_ERROR),
        ("ServiceUnavailable", Failure.SERVER_ERROR),
        ("RequestTimeout", Failure.TIMEOUT),
        ("ExpiredToken", Failure.CREDENTIALS),
        ("ExpiredTokenException", Failure.CREDENTIALS),
        ("InvalidClientTokenId", Failure.CREDENTIALS),
        ("com.amazon.coral.service#UnrecognizedClientException", Failure.CREDENTIALS),
        ("SignatureDoesNotMatch", Failure.CREDENTIALS),
        ("com.amazonaws.sqs#InvalidSecurity", Failure.CREDENTIALS),
        ("AccessDenied", Failure.DENIED),
        ("com.amazon.coral.service#AccessDeniedException", Failure.DENIED),
        ("KMS.DisabledException", Failure.DENIED),
        ("KmsAccessDenied", Failure.DENIED),
        ("com.amazonaws.sqs#QueueDoesNotExist", Failure.MISSING),
        ("AWS.SimpleQueueService.NonExistentQueue", Failure.MISSING),
        ("AWS.SimpleQueueService.QueueDeletedRecently", Failure.MISSING),
        ("ReceiptHandleIsInvalid", Failure.RECEIPT),
        ("com.amazonaws.sqs#MessageNotInflight", Failure.RECEIPT),
        ("UnsupportedOperation", Failure.OTHER),
        ("", Failure.OTHER),
    ],
)
def test_a_code_has_a_reason_in_whatever_spelling_it_comes(code: str, reason: Failure) -> None:
    """SQS has two protocols, and the services behind it (KMS, the load balancer) have codes of their own."""
    assert reason_of(code, 400) is reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, Failure.SERVER_ERROR),
        (503, Failure.SERVER_ERROR),
        (429, Failure.THROTTLED),
        (403, Failure.DENIED),
        (401, Failure.CREDENTIALS),
        (408, Failure.TIMEOUT),
        (400, Failure.OTHER),
        (0, Failure.OTHER),
    ],
)
def test_where_no_code_says_more_the_status_counts(status: int, reason: Failure) -> None:
    """A load balancer answers with an HTML page, and botocore makes the status its code."""
    assert reason_of(str(status), status) is reason


def test_a_code_says_more_than_a_status() -> None:
    """SQS throttles with 403, and returns 400 for nearly everything."""
    assert reason_of("RequestThrottled", 403) is Failure.THROTTLED
    assert reason_of("ExpiredToken", 403) is Failure.CREDENTIALS


@pytest.mark.parametrize(
    ("code", "sender_fault", "reason", "final"),
    [
        ("InternalError", False, Failure.SERVER_ERROR, False),
        ("ReceiptHandleIsInvalid", True, Failure.RECEIPT, True),
        ("InvalidParameterValue", True, Failure.RECEIPT, True),
        ("InvalidParameterValue", False, Failure.OTHER, False),
        ("RequestThrottled", True, Failure.THROTTLED, False),
        ("AccessDenied", True, Failure.DENIED, False),
    ],
)
def test_an_entry_is_worth_another_try_unless_its_handle_is_at_fault(
    code: str, sender_fault: bool, reason: Failure, final: bool
) -> None:
    """A FIFO queue returns `InvalidParameterValue` for an expired handle, and blames the sender for
    throttling too.
    """
    entry = Failed("handle", code, sender_fault)
    assert (entry.reason, entry.final) == (reason, final)


def test_a_failure_says_of_what_and_why() -> None:
    """It becomes the text of `/readyz` and a log line."""
    assert str(failing(Call.DELETE)) == "delete (orders): server_error: it was told to fail"
