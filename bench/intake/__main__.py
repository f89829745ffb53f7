"""`make bench-intake`: measure, print the table, write `bench/results-intake.md`.

Exits with 0; 1 if a consumer failed; 2 if the machine or command line is unsuitable; 130 after Ctrl-C.
"""

import argparse
import asyncio
import shlex
import sys
from pathlib import Path

from bench.intake import report
from bench.intake.contest import contest
from bench.intake.contestants import ALL, NODE, Consumer
from bench.intake.measures import QUICK, Load
from bench.machine import processor, versions
from bench.preparation import Unsuitable, pinned_cores, prepare, say

RESULTS = Path(__file__).parents[1] / "results-intake.md"
PYTHON_PACKAGES = (
    "queuecast-poller",
    "aiobotocore",
    "aiohttp",
    "redis",
    "hiredis",
    "python-socketio",
    "uvloop",
)
NODE_PACKAGES = ("sqs-consumer", "@aws-sdk/client-sqs", "@socket.io/redis-emitter", "redis")


def main() -> int:
    """Run the contest; return the exit code."""
    options = _options()
    try:
        redis = prepare()
    except Unsuitable as exc:
        say(str(exc))
        return 2
    cores = pinned_cores()
    load = QUICK if options.quick else Load()
    consumers, remarks = _present([one for one in ALL if one.name in options.only])
    try:
        figures, failures = asyncio.run(contest(consumers, load, redis, cores, say))
    except KeyboardInterrupt:
        say("stopped; nothing was written")
        return 130
    ran = versions(redis, PYTHON_PACKAGES, NODE_PACKAGES if NODE in consumers else ())
    remarks += [f"{name} FAILED: {why}" for name, why in failures.items()]
    command = "make bench-intake"
    if len(sys.argv) > 1:
        command += f" OPTIONS={shlex.quote(' '.join(sys.argv[1:]))}"
    page = report.page(figures, consumers, load, command, processor(), ran, remarks)
    say("\n" + page)
    if not failures:
        options.output.write_text(page, "utf-8")
    return 1 if failures else 0


def _present(wanted: list[Consumer]) -> tuple[list[Consumer], list[str]]:
    missing = {one.title: why for one in wanted if (why := one.missing())}
    for title, why in missing.items():
        say(f"{title} is skipped: {why}")
    here = [one for one in wanted if one.title not in missing]
    return here, [f"{title} was skipped: {why}." for title, why in missing.items()]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-intake OPTIONS=…", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=[one.name for one in ALL],
        help="consumers, comma separated",
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the page goes")
    options = parser.parse_args()
    if unknown := set(options.only).difference(one.name for one in ALL):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(one.name for one in ALL)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
