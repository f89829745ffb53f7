"""Stand-ins for what the poller talks to: messages, a queue, objects in S3. Small and exact."""

import asyncio
import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from queuecast_poller.judge.payloads import NoPayload
from queuecast_poller.sqs.failure import Call, Failed, Failure, QueueUnavailable
from queuecast_poller.sqs.message import Message
from queuecast_poller.sqs.queue import Backlog
from queuecast_poller.unwrap import Pointer

_numbers = itertools.count(1)

THROTTLED = QueueUnavailable(Call.RECEIVE, "orders", Failure.THROTTLED, "RequestThrottled: slow down")


def failing(call: Call, reason: Failure = Failure.SERVER_ERROR) -> QueueUnavailable:
    """Return a failure of a call to SQS."""
    return QueueUnavailable(call, "orders", reason, "it was told to fail")


def message(body: str = '{"id":7}', **details: Any) -> Message:
    """Return a message as SQS would hand it over: with an id of its own and the right MD5."""
    number = next(_numbers)
    md5 = hashlib.md5(body.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return Message(
        **{
            "id": f"message-{number}",
            "receipt_handle": f"handle-{number}",
            "body": body,
            "body_md5": md5,
            **details,
        }
    )


def messages(count: int) -> list[Message]:
    return [message() for _ in range(count)]


def handles(batch: Sequence[Message]) -> list[str]:
    return [each.receipt_handle for each in batch]


Refusals = set[str] | dict[str, str]
"""Receipt handles that a batch refuses: with `InternalError`, or each with a code that blames the caller."""


class FakeQueue:
    """`queuecast_poller.sqs.queue.Queue` from a script: each receive gives the next answer or raises it.

    When the script is used up, the queue asks for the end (`stop`), as a SIGTERM would. A call to delete or
    to change the visibility raises the next of its answers, or refuses the entries that it names.
    """

    def __init__(
        self, *answers: Sequence[Message] | Exception, stop: asyncio.Event | None = None, journal: Any = None
    ) -> None:
        self.visibility_seconds = 30
        self.fifo = False
        self.max_receive_count: int | None = None
        self.visibility_changes: list[tuple[list[str], int]] = []
        self.visibility_answers: deque[Refusals | Exception] = deque()
        self.deletes: list[list[str]] = []
        self.delete_answers: deque[Refusals | Exception] = deque()
        self.asked_for: list[int] = []
        self.canaries: list[str] = []
        self.forwarded: list[tuple[str, str]] = []
        self.sent: list[tuple[str, dict[str, str], str]] = []
        self.send_answer: Exception | None = None
        self.canary_answers: deque[Exception | None] = deque()
        self.refreshes = 0
        self.backlog_answer: Backlog | Exception = Backlog(0, 0, 0)
        self.on_refresh: Callable[[], object] = lambda: None
        self.on_receive: Callable[[], object] = lambda: None
        self.on_change: Callable[[], object] = lambda: None
        self.on_delete: Callable[[], object] = lambda: None
        self._answers = deque(answers)
        self._stop = stop
        self._journal = journal if journal is not None else []

    @property
    def deleted(self) -> list[str]:
        return [what for verb, what in self._journal if verb == "deleted"]

    async def refresh(self) -> None:
        self.refreshes += 1
        self.on_refresh()

    async def receive(self, most: int = 10) -> list[Message]:
        self.asked_for.append(most)
        self.on_receive()
        await asyncio.sleep(0)  # others have their turn, as they have while SQS thinks
        if not self._answers:
            if self._stop is not None:
                self._stop.set()
            return []
        answer = self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    async def delete(self, receipt_handles: Sequence[str]) -> list[Failed]:
        self.deletes.append(list(receipt_handles))
        self.on_delete()
        failed = await self._answer(self.delete_answers, receipt_handles)
        refused = {entry.receipt_handle for entry in failed}
        self._journal += [("deleted", handle) for handle in receipt_handles if handle not in refused]
        return failed

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        self.visibility_changes.append((list(receipt_handles), seconds))
        self.on_change()
        return await self._answer(self.visibility_answers, receipt_handles)

    async def send(self, body: str, attributes: Mapping[str, str], dedup_id: str) -> str:
        if self.send_answer is not None:
            raise self.send_answer
        self.sent.append((body, dict(attributes), dedup_id))
        return f"sent-{len(self.sent)}"

    async def forward(self, message: Message, target: str) -> None:
        answer = self.canary_answers.popleft() if self.canary_answers else None
        if answer is not None:
            raise answer
        self.forwarded.append((message.id, target))

    async def backlog(self) -> Backlog:
        if isinstance(self.backlog_answer, Exception):
            raise self.backlog_answer
        return self.backlog_answer

    async def send_canary(self, body: str) -> None:
        answer = self.canary_answers.popleft() if self.canary_answers else None
        if answer is not None:
            raise answer
        self.canaries.append(body)

    async def _answer(
        self, answers: "deque[Refusals | Exception]", receipt_handles: Sequence[str]
    ) -> list[Failed]:
        await asyncio.sleep(0)
        answer = answers.popleft() if answers else set()
        if isinstance(answer, Exception):
            raise answer
        refused = answer if isinstance(answer, dict) else dict.fromkeys(answer, "InternalError")
        return [
            Failed(handle, refused[handle], sender_fault=refused[handle] != "InternalError")
            for handle in receipt_handles
            if handle in refused
        ]


class FakePayloads:
    """`queuecast_poller.judge.payloads.Payloads` from a dictionary; a reason in it is raised."""

    def __init__(self, objects: dict[Pointer, str | NoPayload] | None = None) -> None:
        self.objects = objects or {}
        self.fetched: list[Pointer] = []

    async def fetch(self, pointer: Pointer) -> str:
        self.fetched.append(pointer)
        found = self.objects.get(pointer, NoPayload("there is no such object"))
        if isinstance(found, NoPayload):
            raise found
        return found

    async def aclose(self) -> None: ...
