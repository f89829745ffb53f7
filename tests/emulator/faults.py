"""The faults that a test asks the emulator for, and when each strikes. Pure: chance is an argument.

A kind strikes at one of three moments, and is counted only if it did what it says:

    BEFORE   the request was read, nothing was done    status  error  hang  delay  reset_before
    ENTRIES  a batch is about to be done               fail_entries
    AFTER    the answer is ready, all was done         reset_after  cut_body  duplicate  corrupt

The last ones leave receives that bring nothing alone: nothing could be lost, doubled or altered there.
"""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

Json = dict[str, Any]

FOR_EVERYTHING = "*"
STRUCK_BY_EVERYTHING = frozenset(
    {
        "ReceiveMessage",
        "DeleteMessage",
        "DeleteMessageBatch",
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
    }
)
"""What `*` means: a receiver's actions, so that senders and tests can go on."""


class Moment(Enum):
    """When a fault strikes."""

    BEFORE = "before"
    ENTRIES = "entries"
    AFTER = "after"


MOMENTS = {
    "status": Moment.BEFORE,
    "error": Moment.BEFORE,
    "hang": Moment.BEFORE,
    "delay": Moment.BEFORE,
    "reset_before": Moment.BEFORE,
    "fail_entries": Moment.ENTRIES,
    "reset_after": Moment.AFTER,
    "cut_body": Moment.AFTER,
    "duplicate": Moment.AFTER,
    "corrupt": Moment.AFTER,
}
NEEDS = {"status": ("status",), "error": ("status", "code"), "hang": ("seconds",), "delay": ("seconds",)}
TYPES: dict[str, type | tuple[type, ...]] = {
    "action": str,
    "kind": str,
    "times": int,
    "chance": (int, float),
    "seconds": (int, float),
    "status": int,
    "code": str,
    "body": str,
}
RECEIVES_ONLY = ("duplicate", "corrupt")


class BadFault(ValueError):
    """A fault that was asked for makes no sense; the message says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong. `times` is None for ever; `body` is what a status is sent with, empty or XML."""

    action: str
    kind: str
    times: int | None = None
    chance: float = 1.0
    seconds: float | None = None
    status: int | None = None
    code: str | None = None
    body: str = ""

    def concerns(self, action: str) -> bool:
        """Say whether an action can be struck by it."""
        if self.kind == "fail_entries" and not action.endswith("Batch"):
            return False
        if self.kind in RECEIVES_ONLY and action != "ReceiveMessage":
            return False
        return action == self.action or (self.action == FOR_EVERYTHING and action in STRUCK_BY_EVERYTHING)


class Faults:
    """The present faults. `roll` returns a random number from 0 up to 1."""

    def __init__(self, roll: Callable[[], float]) -> None:
        self._roll = roll
        self._faults: list[Fault] = []
        self._struck: list[int] = []

    def replace(self, wanted: Any) -> None:
        """Have these faults from now on, and no others. Raises `BadFault` and changes nothing."""
        if not isinstance(wanted, list):
            raise BadFault("a list of faults is expected")
        self._faults = [parsed(fault) for fault in wanted]
        self._struck = [0] * len(self._faults)

    def shown(self) -> list[Json]:
        """Return the faults, each with how often it has struck."""
        return [
            {**asdict(fault), "struck": struck}
            for fault, struck in zip(self._faults, self._struck, strict=True)
        ]

    def strike(self, action: str, moment: Moment) -> Fault | None:
        """Return the first fault that strikes the action at this moment, and count it."""
        for place, fault in enumerate(self._faults):
            if MOMENTS[fault.kind] is not moment or not fault.concerns(action):
                continue
            spent = fault.times is not None and self._struck[place] >= fault.times
            if not spent and (fault.chance >= 1 or self._roll() < fault.chance):
                self._struck[place] += 1
                return fault
        return None


def parsed(wanted: Any) -> Fault:
    """Return the fault that a test asks for. Raises `BadFault`."""
    if not isinstance(wanted, dict):
        raise BadFault("a fault is an object")
    # What is null is as if it were not said.
    said = {name: value for name, value in wanted.items() if value is not None}
    if not {"action", "kind"} <= said.keys():
        raise BadFault("a fault has an action and a kind")
    for name, value in said.items():
        if name not in TYPES:
            raise BadFault(f"no {name}; there are {', '.join(TYPES)}")
        if not isinstance(value, TYPES[name]):
            raise BadFault(f"{name} cannot be {value!r}")
    fault = Fault(**said)
    if not 0 <= fault.chance <= 1:
        raise BadFault("chance is between 0 and 1")
    if fault.kind not in MOMENTS:
        raise BadFault(f"no kind {fault.kind}; there are {', '.join(MOMENTS)}")
    for name in NEEDS.get(fault.kind, ()):
        if getattr(fault, name) is None:
            raise BadFault(f"{fault.kind} needs {name}")
    if fault.action != FOR_EVERYTHING and not fault.concerns(fault.action):
        raise BadFault(f"{fault.kind} cannot strike {fault.action}")
    return fault


def altered(body: str) -> str:
    """Return a body with other data that parses as well as before: only its MD5 shows it."""
    digits = list(re.finditer(r"\d", body))
    if not digits:
        return body + " "
    place = digits[-1].start()
    return f"{body[:place]}{(int(body[place]) + 1) % 10}{body[place + 1 :]}"
