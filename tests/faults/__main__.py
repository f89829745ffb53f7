"""`make faults`: one fault after the other under load; writes the table in docs/guarantees.md.

Ends with 0; with 1 if something was not as promised, with 2 if this machine or the command line won't do.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing

from tests.e2e.javascript import missing
from tests.faults import report
from tests.faults.faults import FAULTS, Fault
from tests.faults.run import Load, Outcome, run
from tests.reservation import PortBlock


def main() -> int:
    """Run the faults; return the exit code."""
    options = _options()
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    load = Load(after_seconds=options.seconds)
    names = [fault.name for fault in FAULTS]
    failed = False
    for fault in options.only:
        outcomes = [outcome for _ in range(options.repeat) if (outcome := _told(fault, load))]
        failed |= len(outcomes) < options.repeat or any(outcome.troubles for outcome in outcomes)
        if outcomes:
            row = report.row(report.merged(outcomes), fault.sign)
            page = report.renewed(report.PAGE.read_text("utf-8"), load, names, {fault.name: row})
            report.PAGE.write_text(page, "utf-8")
    return int(failed)


def _told(fault: Fault, load: Load) -> Outcome | None:
    """Run a fault and say what became of it, in a line."""
    try:
        with closing(PortBlock()) as block:  # one for all runs would not do: it has ports for some forty
            outcome = run(fault, load, block)
    except Exception as exc:  # a part that ended shows in many ways; the other faults are still of interest
        print(f"BROKEN  {fault.name}: {type(exc).__name__}: {exc}", flush=True)
        return None
    account = outcome.account
    print(
        f"{'FAILED' if outcome.troubles else 'passed'}  {outcome.name}: "
        f"sent {outcome.sent:,}, delivered {account.deliveries:,}, told {account.told:,}, "
        f"silence {outcome.silence_seconds:.1f} s, recovered after {outcome.recovery_seconds:.1f} s, "
        f"memory {outcome.growth.resident_kib / 1024:+.1f} MiB, descriptors {outcome.growth.descriptors:+}"
        f"{''.join(f'; {trouble}' for trouble in outcome.troubles)}",
        flush=True,
    )
    return outcome


def _options() -> argparse.Namespace:
    def named(text: str) -> Sequence[Fault]:
        words = text.split(",")
        chosen = [fault for fault in FAULTS if any(word in fault.name for word in words)]
        if not chosen:
            names = "; ".join(fault.name for fault in FAULTS)
            raise argparse.ArgumentTypeError(f"{text!r} is part of no fault's name: {names}")
        return chosen

    parser = argparse.ArgumentParser(prog="make faults OPTIONS=…", description=__doc__)
    parser.add_argument("--only", type=named, default=FAULTS, help="parts of names, comma separated")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each fault")
    parser.add_argument("--seconds", type=float, default=10, help="load after the end of the fault")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
