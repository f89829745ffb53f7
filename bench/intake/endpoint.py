"""The HTTP half of a stub of SQS: requests in AWS's JSON protocol, and what the bench asks with GET.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import asyncio
from collections.abc import Callable, Mapping

TARGET = b"amazonsqs."


class Endpoint(asyncio.Protocol):
    """One connection. It answers requests one by one; pipelined ones wait in the buffer.

    An action gets the request's body, and returns the answer or None; who returns None calls `answer` later.
    """

    def __init__(self) -> None:
        self.actions: Mapping[bytes, Callable[[bytes], bytes | None]] = {}
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def ask(self, path: bytes) -> bytes:
        """Answer the bench's own question."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    @property
    def is_closed(self) -> bool:
        """The client is gone."""
        return self._transport is None

    def answer(self, body: bytes) -> None:
        """Answer the request that is being worked on, and begin the next."""
        self._busy = False
        if self._transport is not None:
            head = (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n"
            )
            self._transport.write(head % len(body) + body)
        self._next()

    def _next(self) -> None:
        while not self._busy and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            original = self._buffer[:end]
            head = original.lower()
            length = int(_header(head, b"content-length") or 0)
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._busy = True
            if head.startswith(b"get"):
                answer: bytes | None = self.ask(original.split(b" ", 2)[1])
            else:
                start = head.find(TARGET) + len(TARGET)
                answer = self.actions[original[start:].split(b"\r\n", 1)[0]](body)
            if answer is not None:
                self.answer(answer)


def _header(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n%b:" % name)
    return None if start < 0 else head[start:].split(b":", 1)[1].split(b"\r\n", 1)[0].strip()
