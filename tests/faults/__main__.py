"""`make faults`: causes one fault after another under load, and writes the table in docs/guarantees.md.

Exits with 0; with 1 if a promise was broken, or 2 if the machine or the command line is unsuitable.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing

from tests.e2e.javascript import missing
from tests.faults import attack_report, attack_run, report
from tests.faults.attack_run import AttackOutcome, AttackRun
from tests.faults.fault import Fault
from tests.faults.faults import FAULTS
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
        if fault is None:
            failed |= not _withstood(options.repeat)
            continue
        outcomes = [outcome for _ in range(options.repeat) if (outcome := _told(fault, load))]
        failed |= len(outcomes) < options.repeat or any(outcome.troubles for outcome in outcomes)
        if outcomes:
            row = report.row(report.merged(outcomes), fault.sign)
            page = report.renewed(report.PAGE.read_text("utf-8"), load, names, {fault.name: row})
            report.PAGE.write_text(page, "utf-8")
    return int(failed)


def _withstood(repeat: int) -> bool:
    """Run the attack; say whether every promise was kept."""
    outcomes = [outcome for _ in range(repeat) if (outcome := _attacked())]
    if outcomes:
        page = attack_report.renewed(report.PAGE.read_text("utf-8"), outcomes)
        report.PAGE.write_text(page, "utf-8")
    return len(outcomes) == repeat and not any(outcome.troubles for outcome in outcomes)


def _attacked() -> AttackOutcome | None:
    try:
        with closing(PortBlock()) as block:
            outcome = attack_run.run(AttackRun(), block)
    except Exception as exc:  # the faults after it are still of interest
        print(f"BROKEN  {attack_run.NAME}: {type(exc).__name__}: {exc}", flush=True)
        return None
    before, during, after = outcome.phases
    print(
        f"{'FAILED' if outcome.troubles else 'passed'}  {attack_run.NAME}: "
        f"p99 {before.p99_ms} ms, {during.p99_ms} ms under attack, {after.p99_ms} ms after it, "
        f"{sum(result.tries for result in outcome.results):,} tries, "
        f"memory {during.taken.peak_kib / 1024:+.1f} MiB, of Redis {outcome.redis_kib / 1024:+.1f} MiB, "
        f"{during.taken.lines_per_second:.1f} lines of log a "
        f"second{''.join(f'; {trouble}' for trouble in outcome.troubles)}",
        flush=True,
    )
    return outcome


def _told(fault: Fault, load: Load) -> Outcome | None:
    """Run a fault and print its outcome in one line."""
    try:
        with closing(PortBlock()) as block:
            outcome = run(fault, load, block)
    except Exception as exc:  # a part may fail in many ways; the other faults are still of interest
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
    rows: dict[str, Fault | None] = {**{fault.name: fault for fault in FAULTS}, attack_run.NAME: None}

    def named(text: str) -> Sequence[Fault | None]:
        words = text.split(",")
        chosen = [fault for name, fault in rows.items() if any(word in name for word in words)]
        if not chosen:
            names = "; ".join(rows)
            raise argparse.ArgumentTypeError(f"{text!r} is part of no fault's name: {names}")
        return chosen

    parser = argparse.ArgumentParser(prog="make faults OPTIONS=…", description=__doc__)
    parser.add_argument(
        "--only", type=named, default=list(rows.values()), help="parts of names, comma separated"
    )
    parser.add_argument("--repeat", type=int, default=1, help="runs of each fault")
    parser.add_argument("--seconds", type=float, default=10, help="load after the end of the fault")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
