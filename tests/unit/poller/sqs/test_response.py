import json

import pytest

from queuecast_poller.sqs.failure import Failure, reason_of
from queuecast_poller.sqs.response import Garbled, Refused, Response, read_answer


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Messages": []}'])
def test_an_answer_is_a_json_object(body: bytes) -> None:
    """Or empty, if there is nothing to return."""
    assert read_answer(Response(200, {}, body)) == json.loads(body or b"{}")


@pytest.mark.parametrize(
    "body", [b'{"Messages": [{"Bo', b"<html>hello</html>", b"[]", b"7", b"null", b"\xff", b"[" * 100_000]
)
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    """Taken for an empty answer it would mean "no messages", although some may have been delivered."""
    with pytest.raises(Garbled):
        read_answer(Response(200, {}, body))


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"[]", b'"x"', b"\xff", b"", b'{"__type": 7}'])
def test_an_error_page_of_somebody_else_is_an_error_by_its_status(body: bytes) -> None:
    """A load balancer has none of SQS's error codes."""
    with pytest.raises(Refused) as caught:
        read_answer(Response(502, {}, body))
    assert reason_of(caught.value.code, caught.value.status) is Failure.SERVER_ERROR


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "It does not exist."}, {}),
        ({"__type": "QueueDoesNotExist", "Message": "It does not exist."}, {}),
        ({"code": "AWS.SimpleQueueService.NonExistentQueue", "message": "It does not exist."}, {}),
        (
            {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "It does not exist."},
            {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"},
        ),
        (
            {"message": "It does not exist."},
            {"x-amzn-errortype": "QueueDoesNotExist:http://internal.amazon.com/"},
        ),
    ],
)
def test_an_error_is_known_by_any_of_its_names(body: dict[str, str], headers: dict[str, str]) -> None:
    """SQS, its older protocol and its emulators each spell it differently."""
    with pytest.raises(Refused, match=r"It does not exist\.") as caught:
        read_answer(Response(400, headers, json.dumps(body).encode()))
    assert reason_of(caught.value.code, caught.value.status) is Failure.MISSING


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_refusal_that_says_where_to(status: int) -> None:
    """A proxy that wants a login answers so, and operators must see its address."""
    with pytest.raises(Refused, match=r"a redirect to https://login\.example/, which is not followed"):
        read_answer(Response(status, {"location": "https://login.example/"}, b""))


def test_the_words_of_an_error_have_an_end() -> None:
    """They go into the log."""
    with pytest.raises(Refused) as caught:
        read_answer(Response(400, {}, json.dumps({"__type": "X", "message": "x" * 10_000}).encode()))
    assert len(str(caught.value)) < 600
