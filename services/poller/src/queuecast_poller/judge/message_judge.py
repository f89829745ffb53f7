"""Judges batches of messages, with what that needs from outside.

The verdicts come from `decision`. This module fetches the payloads that messages point to, and asks the bus
which namespaces are served.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from queuecast_bus import Record
from queuecast_bus.command import read_command
from queuecast_bus.names import CANARY_NAMESPACE, COMMAND_NAMESPACE
from queuecast_bus.record import Address
from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.payloads import NoPayload, Payloads
from queuecast_poller.judge.served_namespaces import ServedNamespaces
from queuecast_poller.judge.verdict import Fetch, Publish, Verdict
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.message import Message


class MessageJudge:
    """Judges the messages of one queue by the rules in force when they are judged."""

    def __init__(self, rules: Callable[[], Rules], served: ServedNamespaces, payloads: Payloads) -> None:
        self._rules = rules
        self._served = served
        self._payloads = payloads

    @property
    def rules(self) -> Rules:
        """The rules that are in force now."""
        return self._rules()

    def batch(
        self, messages: Sequence[Message], max_receive_count: int | None, canary_key: bytes | None = None
    ) -> "Batch":
        """Return the messages of one receive, ready to be judged."""
        return Batch(self._rules, self._served, self._payloads, messages, max_receive_count, canary_key)


class Batch:
    """The messages of one receive. It keeps the payloads that it fetched, for as long as it is judged."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        served: ServedNamespaces,
        payloads: Payloads,
        messages: Sequence[Message],
        max_receive_count: int | None,
        canary_key: bytes | None,
    ) -> None:
        self._rules = rules
        self._served = served
        self._payloads = payloads
        self._messages = messages
        self._max_receive_count = max_receive_count
        self._canary_key = canary_key

    async def judge(self) -> list[Verdict]:
        """Return a verdict for each message, in their order; none of them is `Fetch`.

        Raises `BusUnavailable` if the bus cannot say whether a namespace is served. Judge again then: what
        was fetched is not fetched again.
        """
        judge_all = partial(
            decide,
            rules=self._rules(),
            max_receive_count=self._max_receive_count,
            canary_key=self._canary_key,
        )
        messages = self._messages
        verdicts = judge_all(messages, is_served=self._served.may_serve)
        if pointers := [each for each in verdicts if isinstance(each, Fetch)]:
            messages = await self._fetch(pointers)
            verdicts = judge_all(messages, is_served=self._served.may_serve)
        if stale := self._served.stale(namespaces_of(verdicts)):
            await self._served.refresh(stale)
            verdicts = judge_all(messages, is_served=self._served.serves)
        return verdicts

    async def _fetch(self, pointers: Sequence[Fetch]) -> Sequence[Message]:
        """Return all messages, these with their payloads. Payloads are kept, failures are not."""
        results = await asyncio.gather(*(self._fetch_one(each) for each in pointers))
        by_handle = {message.receipt_handle: message for message in results}
        messages = [by_handle.get(message.receipt_handle, message) for message in self._messages]
        self._messages = [
            new if new.not_fetched is None else old for old, new in zip(self._messages, messages, strict=True)
        ]
        return messages

    async def _fetch_one(self, verdict: Fetch) -> Message:
        try:
            text = await self._payloads.fetch(verdict.pointer)
        except NoPayload as exc:
            return verdict.message._replace(not_fetched=str(exc))
        return verdict.message._replace(fetched=text)


def namespaces_of(verdicts: Iterable[Verdict]) -> set[str]:
    """Return the namespaces to which these verdicts would publish, and which a gateway has to serve."""
    return {_namespace(each.record) for each in verdicts if isinstance(each, Publish)} - {CANARY_NAMESPACE}


def _namespace(record: Record) -> str:
    """Return the namespace of a record's recipients."""
    if record.namespace == COMMAND_NAMESPACE:
        return read_command(Address(record.namespace, record.rooms)).namespace
    return record.namespace
