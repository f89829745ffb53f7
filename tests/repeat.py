"""`make test-repeat`: run the tests several times, each in another order; print the last line of every run.

A test that fails now and then shows a fault, in the product or in the test. It shows in many runs, and on a
busy machine: `--busy` starts that many processes that only use CPU time.
"""

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

LOGS = Path(__file__).parents[1] / "build" / "test-runs"


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep `count` cores busy until the context ends."""
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen((sys.executable, "-c", "while True: pass")))
            stack.callback(process.kill)
        yield


def last_line(output: str) -> str:
    """Return the line with pytest's result of a run, or else the last line."""
    lines = [line.strip("= ") for line in output.splitlines() if line.strip()]
    counts = [line for line in lines if " passed" in line or " failed" in line or " error" in line]
    return (counts or lines or ["no output"])[-1]


def once(command: list[str], log: Path) -> tuple[bool, str]:
    """Run the tests once; return whether all passed, and the last line."""
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    log.write_text(run.stdout)
    return run.returncode == 0, last_line(run.stdout)


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.repeat", description=__doc__)
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--busy", type=int, default=0, help="processes that each keep a core busy meanwhile")
    options.add_argument("command", nargs="+", help="the command that runs the tests; it must accept SEED=N")
    given = options.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    red = 0
    with busy(given.busy):
        for number in range(1, given.runs + 1):
            seed, log = random.randrange(1 << 32), LOGS / f"{number}.log"
            green, said = once([*given.command, f"SEED={seed}"], log)
            red += not green
            print(f"{number} {'green' if green else f'RED, see {log}'}, SEED={seed}: {said}", flush=True)
    print(f"{given.runs - red} of {given.runs} runs were green")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
