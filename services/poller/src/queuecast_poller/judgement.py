"""Verdicts with what they need from outside: the payloads that messages point to, and who serves what.

What to do with a message is decided in `verdict`; here is fetched and asked what that cannot know.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from queuecast_bus import Record
from queuecast_bus.command import read_command
from queuecast_bus.names import CANARY_NAMESPACE, COMMAND_NAMESPACE
from queuecast_bus.record import Address
from queuecast_poller.message import Message
from queuecast_poller.payloads import NoPayload, Payloads
from queuecast_poller.rules import Rules
from queuecast_poller.served import Served
from queuecast_poller.verdict import Fetch, Publish, Verdict, judge


class Judgement:
    """Judges the messages of one queue, by the rules that are in force when they come."""

    def __init__(self, rules: Callable[[], Rules], served: Served, payloads: Payloads) -> None:
        self._rules = rules
        self._served = served
        self._payloads = payloads

    @property
    def rules(self) -> Rules:
        """The rules that are in force now."""
        return self._rules()

    async def of(
        self, messages: Sequence[Message], max_receive_count: int | None, canary_key: bytes | None = None
    ) -> list[Verdict]:
        """Return a verdict for each message, in their order; none is to fetch anything any more.

        Raises `BusUnavailable` if it cannot be found out whether anybody serves a namespace. To judge the
        same messages again then fetches again what they point to.
        """
        rules = self._rules()
        judge_all = partial(
            judge,
            rules=rules,
            max_receive_count=max_receive_count,
            canary_key=canary_key,
        )
        verdicts = judge_all(messages, is_served=self._served.may_serve)
        if pointers := [each for each in verdicts if isinstance(each, Fetch)]:
            fetched = await self._fetch(pointers)
            messages = [fetched.get(message.receipt_handle, message) for message in messages]
            verdicts = judge_all(messages, is_served=self._served.may_serve)
        published = (_namespace(each.record) for each in verdicts if isinstance(each, Publish))
        namespaces = set(published) - {CANARY_NAMESPACE}
        if stale := self._served.stale(namespaces):
            await self._served.ask(stale)
            verdicts = judge_all(messages, is_served=self._served.serves)
        return verdicts

    async def _fetch(self, pointers: Sequence[Fetch]) -> dict[str, Message]:
        found = await asyncio.gather(*(self._fetch_one(each) for each in pointers))
        return {message.receipt_handle: message for message in found}

    async def _fetch_one(self, verdict: Fetch) -> Message:
        try:
            text = await self._payloads.fetch(verdict.pointer)
        except NoPayload as exc:
            return replace(verdict.message, not_fetched=str(exc))
        return replace(verdict.message, fetched=text)


def _namespace(record: Record) -> str:
    """Return the namespace of those whom a record is for."""
    if record.namespace == COMMAND_NAMESPACE:
        return read_command(Address(record.namespace, record.rooms)).namespace
    return record.namespace
