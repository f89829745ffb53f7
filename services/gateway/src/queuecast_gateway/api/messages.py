"""Reads what a request asks to publish: one event, or a batch of them. Pure.

Nothing is guessed: a member that is unknown or misspelled is a flaw, because an event whose `rooms` were not
understood would go to everyone.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from queuecast_bus.bounds import MAX_ATTACHMENTS
from queuecast_bus.errors import BadRecord
from queuecast_bus.names import (
    MAX_BYTES,
    MAX_ROOMS,
    BadName,
    check_namespace,
    check_published_event,
    check_room,
)
from queuecast_bus.record import Record
from queuecast_edge.schemas import Schemas
from queuecast_gateway.api.problems import MAX_FLAWS, Flaw, invalid, pointer

MEMBERS = ("event", "data", "args", "rooms", "namespace", "key", "volatile", "attachments")
"""The members of an event; those of an item of a batch have `idempotency_key` besides."""


class Rules(NamedTuple):
    """What may be published: how many events in one request, of how many bytes each, with which data.

    If it `keeps_latest`, an event may have a key, of which rooms keep the newest.
    """

    max_batch: int
    max_record_bytes: int
    schemas: Schemas
    keeps_latest: bool


class Item(NamedTuple):
    """An event of a batch, and the idempotency key of its own, if it has one."""

    record: Record
    key: str | None


class _Flaws:
    """Collects what is wrong, up to as much as an answer lists."""

    def __init__(self) -> None:
        self.found: list[Flaw] = []

    def add(self, detail: str, *path: str | int) -> None:
        self.found.append(Flaw(pointer(*path), detail))

    def check(self) -> None:
        """Raise `Problem` if anything is wrong."""
        if self.found:
            raise invalid(self.found)


def read_message(body: Any, rules: Rules, sent_ms: int) -> Record:
    """Return the event of a request. Raises `Problem`."""
    flaws = _Flaws()
    record = _read(body, rules, sent_ms, flaws, (), MEMBERS)
    flaws.check()
    assert record is not None  # noqa: S101  # there is a flaw otherwise
    return record


def read_batch(body: Any, rules: Rules, sent_ms: int) -> list[Item]:
    """Return the events of a request, `{"messages": […]}`. Raises `Problem`, and names every flaw."""
    flaws = _Flaws()
    messages = _batch(body, rules, flaws)
    items = []
    seen: dict[str, int] = {}
    for index, each in enumerate(messages):
        if len(flaws.found) >= MAX_FLAWS:
            break
        path = ("messages", index)
        record = _read(each, rules, sent_ms, flaws, path, (*MEMBERS, "idempotency_key"))
        key = each.get("idempotency_key") if isinstance(each, Mapping) else None
        if key is not None:
            try:
                check_key(key)
            except ValueError as exc:
                flaws.add(str(exc), *path, "idempotency_key")
            else:
                if key in seen:
                    flaws.add(f"message {seen[key]} has it too", *path, "idempotency_key")
                seen[key] = index
        if record is not None:
            items.append(Item(record, key))
    flaws.check()
    return items


def _batch(body: Any, rules: Rules, flaws: _Flaws) -> Sequence[Any]:
    if not isinstance(body, dict) or body.keys() != {"messages"}:
        flaws.add('expected an object with messages alone: {"messages": [{"event": …}]}')
        return ()
    messages = body["messages"]
    if not isinstance(messages, list) or not 1 <= len(messages) <= rules.max_batch:
        flaws.add(f"expected a list of 1 to {rules.max_batch} events", "messages")
        return ()
    return messages


def _read(
    body: Any, rules: Rules, sent_ms: int, flaws: _Flaws, path: tuple[str | int, ...], known: Sequence[str]
) -> Record | None:
    """Return an event; None if something is wrong, which is a flaw then."""
    before = len(flaws.found)
    if not isinstance(body, dict):
        flaws.add('expected an object such as {"event": "price", "rooms": ["sku:7"], "data": {}}', *path)
        return None
    for name in body:
        if name not in known:
            close = get_close_matches(name.casefold(), known, n=1)
            hint = f": did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
            flaws.add(f"{name[:80]!r} is not a member of an event{hint}", *path)
    event = _event(body, flaws, path)
    namespace = _namespace(body, flaws, path)
    rooms = _rooms(body, flaws, path)
    key = _key(body, rules, flaws, path)
    volatile = body.get("volatile", False)
    if not isinstance(volatile, bool):
        flaws.add("expected true or false", *path, "volatile")
    arguments = _arguments(body, flaws, path)
    attachments = _attachments(body, flaws, path)
    if len(flaws.found) > before:
        return None
    if mistake := rules.schemas.mistake(event, arguments):
        flaws.add(f"{event}: {mistake}", *path, "data" if "data" in body else "args")
        return None
    try:
        text = _encode(arguments).encode()
        record = Record(
            event,
            text,
            namespace,
            rooms,
            attachments=attachments,
            sent_ms=sent_ms,
            key=key,
            volatile=volatile,
        )
        record.check(rules.max_record_bytes)
    except BadRecord as exc:
        flaws.add(str(exc), *path, *_place(exc, body))
    except UnicodeEncodeError:
        flaws.add("half a surrogate pair is not a character", *path, "data" if "data" in body else "args")
    except (RecursionError, ValueError) as exc:
        flaws.add(f"not JSON that every client can read: {exc}"[:200], *path)
    else:
        return record
    return None


def _place(exc: BadRecord, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the member that a flaw of a record is in; none if it is all of them together."""
    if exc.flaw == "attachments" and "attachments" in body:
        return ("attachments",)
    return () if exc.flaw == "too_large" else ("data",) if "data" in body else ("args",)


def _event(body: Mapping[str, Any], flaws: _Flaws, path: tuple[str | int, ...]) -> str:
    event = body.get("event")
    if not isinstance(event, str):
        flaws.add("expected the event's name", *path, "event")
        return ""
    try:
        return check_published_event(event)
    except BadName as exc:
        flaws.add(str(exc), *path, "event")
        return ""


def _namespace(body: Mapping[str, Any], flaws: _Flaws, path: tuple[str | int, ...]) -> str:
    namespace = body.get("namespace", "/")
    if not isinstance(namespace, str):
        flaws.add('expected a name such as "/orders"', *path, "namespace")
        return "/"
    try:
        return check_namespace(namespace)
    except BadName as exc:
        flaws.add(str(exc), *path, "namespace")
        return "/"


def _rooms(body: Mapping[str, Any], flaws: _Flaws, path: tuple[str | int, ...]) -> tuple[str, ...]:
    if "rooms" not in body:
        return ()
    rooms = body["rooms"]
    if not isinstance(rooms, list) or not rooms:
        # An empty list is refused: it would read as "no room", which means everyone.
        flaws.add("expected a list of names; leave it out to address everyone", *path, "rooms")
        return ()
    if len(rooms) > MAX_ROOMS:
        flaws.add(f"{len(rooms)} of them, at most {MAX_ROOMS} can be addressed", *path, "rooms")
        return ()
    for index, room in enumerate(rooms):
        try:
            _check_room(room)
        except BadName as exc:
            flaws.add(str(exc), *path, "rooms", index)
    return tuple(dict.fromkeys(map(str, rooms)))


def _check_room(room: Any) -> None:
    if not isinstance(room, str):
        raise BadName(f"{str(room)[:80]} is not a name")
    if any(character < " " or character == "\x7f" for character in room):
        raise BadName(f"room {room[:80]!r} contains control characters")
    check_room(room)


def _key(body: Mapping[str, Any], rules: Rules, flaws: _Flaws, path: tuple[str | int, ...]) -> str | None:
    key = body.get("key")
    if key is None and "key" not in body:
        return None
    if not isinstance(key, str) or not 0 < _size(key) <= MAX_BYTES:
        flaws.add(f"expected 1 to {MAX_BYTES} bytes of UTF-8", *path, "key")
        return None
    if not rules.keeps_latest:
        flaws.add("this gateway keeps no newest event of a key (QUEUECAST_KEEP_LATEST_SECONDS)", *path, "key")
    return key


def _arguments(body: Mapping[str, Any], flaws: _Flaws, path: tuple[str | int, ...]) -> list[Any]:
    if ("data" in body) == ("args" in body):
        flaws.add("expected either data, the event's one argument, or args, a list of them", *path)
        return []
    if "data" in body:
        return [body["data"]]
    arguments = body["args"]
    if not isinstance(arguments, list):
        flaws.add("expected a list of the event's arguments", *path, "args")
        return []
    return arguments


def _attachments(body: Mapping[str, Any], flaws: _Flaws, path: tuple[str | int, ...]) -> tuple[bytes, ...]:
    texts = body.get("attachments", [])
    if not isinstance(texts, list) or len(texts) > MAX_ATTACHMENTS:
        flaws.add(f"expected a list of at most {MAX_ATTACHMENTS} texts in Base64", *path, "attachments")
        return ()
    found = []
    for index, text in enumerate(texts):
        try:
            found.append(base64.b64decode(text, validate=True))
        except (TypeError, ValueError, binascii.Error):
            flaws.add("not Base64 (RFC 4648, section 4)", *path, "attachments", index)
    return tuple(found)


MAX_KEY_CHARACTERS = 255


def check_key(key: Any) -> str:
    """Return an idempotency key if it is valid. Raises `ValueError`.

    A key may stand in quotes, as in a structured header, which do not belong to it:
    https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    """
    if isinstance(key, str):
        bare = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
        if 0 < len(bare) <= MAX_KEY_CHARACTERS and all("!" <= character <= "~" for character in bare):
            return bare
    raise ValueError(f"expected 1 to {MAX_KEY_CHARACTERS} visible characters of ASCII, a UUID for instance")


def _size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return MAX_BYTES + 1


# Made once: `json.dumps` with options makes an encoder at each call, which takes most of its time.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
