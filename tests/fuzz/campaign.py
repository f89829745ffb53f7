"""The campaign: the kept inputs, then new ones for as long as there is time, each put to every check.

A seeded mutator of our own makes the inputs: Atheris has no wheel for ARM or macOS and its loop never
returns to a test; Hypothesis counts examples, not seconds, and has no coverage either. Instead of coverage we
use what the gateway did: new inputs are made from those that had a new outcome.
"""

import hashlib
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.fuzz.case import BODY, COMPRESSED, SEEDS, WEBSOCKET, Case, seeds
from tests.fuzz.checks import check_bodies, check_frames, check_head, check_messages
from tests.fuzz.gateway import Gateway, Outcome
from tests.fuzz.grammar import Grammar
from tests.fuzz.mutation import Mutator, bounded
from tests.fuzz.reduction import MAX_TRIES, reduced

OUTCOMES = 1_000
"""The most outcomes that are kept apart. New inputs are made from one input of each, and from the seeds."""

FRESH = 0.4
"""The share of inputs that are drawn from scratch and not from a kept one."""

BLOCKS = 10_000
BLOCKS_PER_CASE = 0.1
"""Memory blocks by which use may grow: for the caches of Python and libraries, and a fraction of what a leak
of one object per input would add."""


class Found(AssertionError):
    """An input failed; the message says where it is and how to run it again."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a campaign did. `blocks` is the growth of memory blocks after its first quarter."""

    seed: int
    replayed: int
    cases: int
    outcomes: int
    blocks: int
    slowest_seconds: float

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.replayed} kept inputs and {self.cases:,} new ones, "
            f"{self.outcomes} outcomes, {self.blocks:+,} blocks of memory, "
            f"the slowest took {self.slowest_seconds * 1000:.0f} ms"
        )


class Bench:
    """Puts inputs to all checks: of the pure layers, and of one gateway that is shared by all inputs."""

    def __init__(self) -> None:
        self.gateway = Gateway()

    def check(self, case: Case) -> Outcome:
        """Run every check; raise what fails."""
        if case.kind in WEBSOCKET:
            deflates = case.kind == COMPRESSED
            heard = check_frames(case.reads, deflates=deflates)
            check_messages(heard.frames)
            return self.gateway.check_websocket(case.reads, heard, deflates=deflates)
        if case.kind == BODY:
            check_bodies(case.reads)
            return self.gateway.check_polling(case.reads)
        check_head(case.reads)
        return Outcome(None, "", frozenset())


def trouble(case: Case) -> Exception | None:
    """Return what is wrong with a case, run on a gateway of its own."""
    bench = Bench()
    try:
        bench.check(case)
    except Exception as exc:  # whatever comes out is what is looked for
        return exc
    finally:
        bench.gateway.close()
    return None


def replay(case: Case, name: str) -> None:
    """Run one input alone. Raises `Found`."""
    if exc := trouble(case):
        raise Found(f"{name} fails: {_told(exc)}") from exc


def run(
    seconds: float,
    seed: int,
    folder: Path = SEEDS,
    clock: Callable[[], float] = time.monotonic,
    tries: int = MAX_TRIES,
) -> Report:
    """Run all inputs of the folder, then new ones for `seconds`. Raises `Found`, or returns a report.

    `tries` limits the attempts to reduce a failing input.
    """
    kept = seeds(folder)
    for name, case in kept.items():
        # Each runs alone, so that nothing but itself makes it fail.
        replay(case, f"{folder.name}/{name}.txt")
    start, campaign = clock(), Campaign(seed, folder, list(kept.values()), tries)
    try:
        baseline, measured_from = campaign.blocks(), 0
        while (elapsed := clock() - start) < seconds:
            if not measured_from and elapsed > seconds / 4:
                baseline, measured_from = campaign.blocks(), campaign.cases
            campaign.step()
        added = campaign.blocks() - baseline
        cases = campaign.cases - measured_from
    finally:
        campaign.close()
    if added > BLOCKS + BLOCKS_PER_CASE * cases:
        again = _command("--seed", str(seed), "--seconds", f"{seconds:g}")
        raise Found(f"{added:,} more blocks of memory are in use after {cases:,} inputs; again with: {again}")
    return Report(seed, len(kept), campaign.cases, len(campaign.outcomes), added, campaign.slowest_seconds)


class Campaign:
    """Draws inputs, and keeps those with a new outcome. The caller closes it."""

    def __init__(self, seed: int, folder: Path, pool: list[Case], tries: int) -> None:
        self._random = Random(seed)
        self._seed = seed
        self._folder = folder
        self._grammar = Grammar(self._random)
        self._mutator = Mutator(self._random)
        self._bench = Bench()
        self._pool = pool
        self._tries = tries
        self.cases = 0
        self.outcomes: set[Outcome] = set()
        self.slowest_seconds = 0.0

    def close(self) -> None:
        self._bench.gateway.close()

    def blocks(self) -> int:
        return self._bench.gateway.blocks()

    def step(self) -> None:
        """Run one new input."""
        case, start = self._draw(), time.perf_counter()
        try:
            outcome = self._bench.check(case)
        except Exception as exc:  # whatever comes out is what is looked for
            raise self._found(case, exc) from exc
        self.cases += 1
        self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - start)
        if outcome not in self.outcomes and len(self.outcomes) < OUTCOMES:
            self.outcomes.add(outcome)
            self._pool.append(case)

    def _draw(self) -> Case:
        if not self._pool or self._random.random() < FRESH:
            case = bounded(self._grammar.case())
            if self._random.random() < 0.5:
                return case
        else:
            case = self._random.choice(self._pool)
        return self._mutator.changed(case, self._random.choice(self._pool or [case]))

    def _found(self, case: Case, exc: Exception) -> Found:
        """Reduce a failing input and write it to a file."""
        self.close()  # or its log handler would get what the reduction logs, too
        sign = _sign(exc)
        if _sign(trouble(case)) == sign:
            case = reduced(case, lambda smaller: _sign(trouble(smaller)) == sign, self._tries)
            exc = trouble(case) or exc
            how = "it fails alone"
        else:
            # Earlier inputs have left something in the gateway, so only the whole campaign reproduces it.
            how = f"it fails only after others: {_command('--seed', str(self._seed))}"
        name = f"found-{hashlib.sha256(repr(case.reads).encode()).hexdigest()[:10]}"
        path = self._folder / f"{name}.txt"
        lines = _told(exc).splitlines()
        note = lines[0] if len(lines) == 1 else f"{lines[0]}\n{lines[-1]}"
        path.write_text(replace(case, note=note[:300]).to_text(), "ascii", "backslashreplace")
        return Found(f"{_told(exc)}\n{how}\nkept as {path}, again with: {_command('--replay', str(path))}")


def _told(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"


def _sign(exc: Exception | None) -> str:
    """Return what identifies a failure: its type, and the message up to any text of the input's."""
    return f"{type(exc).__name__}: {re.split(r'[^a-z ,]', str(exc), maxsplit=1)[0]}"


def _command(*arguments: str) -> str:
    return shlex.join(["python", "-m", "tests.fuzz", *arguments])
