"""Reads the query of a request. Pure."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from queuecast_bus.names import MAX_ROOMS, BadName, check_namespace, check_room
from queuecast_gateway.api.problems import Problem
from queuecast_gateway.wire.past import Wanted, read_wanted
from queuecast_gateway.wire.protocol import Refusal

MAX_PARAMETERS = 200


def read_query(query: bytes, known: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return the values of each parameter of a query. Raises `Problem`, for an unknown one too."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError as exc:
        raise Problem("bad-query", f"it cannot be read: {exc}"[:200]) from exc
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in known:
            raise Problem("bad-query", f"{name[:80]!r} is unknown: known are {', '.join(known) or 'none'}")
        found.setdefault(name, []).append(value)
    for name, values in found.items():
        if name != "room" and len(values) > 1:
            raise Problem("bad-query", f"{name}: given {len(values)} times")
    return found


def namespace_of(query: Mapping[str, Sequence[str]]) -> str:
    """Return the namespace, `/` by default. Raises `Problem`."""
    (namespace,) = query.get("namespace", ("/",))
    try:
        return check_namespace(namespace)
    except BadName as exc:
        raise Problem("bad-query", str(exc)) from exc


def rooms_of(query: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Return the rooms, each once. Raises `Problem`."""
    rooms = query.get("room", ())
    if len(rooms) > MAX_ROOMS:
        raise Problem("bad-query", f"room: given {len(rooms)} times, at most {MAX_ROOMS} are allowed")
    try:
        return list(dict.fromkeys(map(check_room, rooms)))
    except BadName as exc:
        raise Problem("bad-query", str(exc)) from exc


def wanted_of(query: Mapping[str, Sequence[str]], most: int, *, keeps_latest: bool) -> Wanted:
    """Return which past events are asked for: `last`, `since` or `latest`. Raises `Problem`."""
    given = {name: query[name][0] for name in ("last", "since", "latest") if name in query}
    options: dict[str, object] = dict(given)
    if "last" in given:
        last = given["last"]
        options["last"] = int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else last
    if given.get("latest") == "true":
        options["latest"] = True
    try:
        return read_wanted(options, most, keeps_latest=keeps_latest)
    except Refusal as refusal:
        raise Problem("bad-query", str(refusal)) from refusal
