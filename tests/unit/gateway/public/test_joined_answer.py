"""The head of an answer and its body are one write."""

from typing import Any

import pytest

from queuecast_gateway.public.http import CONTINUE, JoinedAnswer

HEAD, BODY = b"HTTP/1.1 503 \r\n\r\n", b'{"code":3}'


class FakeTransport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def answer(transport: FakeTransport) -> JoinedAnswer:
    wanted: Any = transport
    return JoinedAnswer(wanted)


def test_the_head_waits_for_the_first_piece_of_the_body(
    transport: FakeTransport, answer: JoinedAnswer
) -> None:
    """A client that reads the body late finds all of it there."""
    answer.write(HEAD)
    assert transport.written == []
    answer.write(BODY)
    answer.write(b"more")
    assert transport.written == [HEAD + BODY, b"more"]


def test_an_empty_body_is_a_body(transport: FakeTransport, answer: JoinedAnswer) -> None:
    answer.write(HEAD)
    answer.write(b"")
    assert transport.written == [HEAD]


def test_a_client_that_waits_for_100_continue_is_not_kept(
    transport: FakeTransport, answer: JoinedAnswer
) -> None:
    """It sends the body of its request only then."""
    answer.write(CONTINUE)
    answer.write(HEAD)
    answer.write(BODY)
    assert transport.written == [CONTINUE, HEAD + BODY]


def test_a_head_that_nothing_follows_is_written_at_the_end(
    transport: FakeTransport, answer: JoinedAnswer
) -> None:
    """The answer to HEAD has no body."""
    answer.write(HEAD)
    answer.flush()
    answer.flush()
    assert transport.written == [HEAD]


def test_closing_writes_what_is_held(transport: FakeTransport, answer: JoinedAnswer) -> None:
    answer.write(HEAD)
    answer.close()
    assert transport.written == [HEAD]
    assert answer.is_closing()
