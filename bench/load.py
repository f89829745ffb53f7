"""How much work each row is, and the figures that come of it."""

from dataclasses import dataclass

from bench.accounting import Reading


@dataclass(frozen=True, slots=True)
class Load:
    """The amount of work for each row."""

    rounds: int = 3
    extra_rounds: int = 1
    """In so many rounds the rows that are no main rows are measured."""
    sockets: int = 1_000
    steady_seconds: float = 6
    other_seconds: float = 3
    """For the other rates, and the other sizes of events."""
    burst_events: int = 200
    bursts: int = 5
    idle_sockets: int = 9_000
    warm_connects: int = 1_000
    connects: int = 2_000
    strange_windows: int = 20
    quiet_sockets: int = 100
    rooms: int = 10_000
    room_members: int = 10
    storm_connects: int = 4_000
    recovered: int = 1_000
    calm_interval: float = 0.2
    settle_seconds: float = 2.0
    waits_for_quiet: bool = True


QUICK = Load(
    rounds=1,
    steady_seconds=3,
    other_seconds=2,
    bursts=2,
    idle_sockets=2_000,
    connects=500,
    strange_windows=5,
    storm_connects=1_000,
    recovered=200,
)
SMALL = Load(
    rounds=1,
    sockets=50,
    steady_seconds=0.5,
    other_seconds=0.3,
    burst_events=50,
    bursts=1,
    idle_sockets=100,
    warm_connects=10,
    connects=50,
    strange_windows=1,
    quiet_sockets=10,
    rooms=500,
    storm_connects=50,
    recovered=20,
    calm_interval=0.05,
    settle_seconds=0.1,
    waits_for_quiet=False,
)
"""Every server and every row, to see that all of it works. Its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, and what everything cost while it was measured."""

    name: str
    value: float
    spent: Reading
    note: str = ""
