"""`make interop`: every client that can be had here, and the table in docs/clients.md.

Exits with 0; with 1 if a promise was broken to a client, or 2 if the command line is wrong.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from tests.interop import checks, page
from tests.interop.clients import CLIENTS, Client
from tests.interop.course import WHOLE, Course, Passed
from tests.interop.driver import Driver
from tests.interop.page import Result
from tests.interop.site import Site
from tests.reservation import PortBlock

IDLE_SECONDS = 2 * 25 + 2
"""Two ping intervals, of the default length."""


def main() -> int:
    """Try the clients; return the exit code."""
    options = _options()
    built = {kit: kit.make() for kit in {client.kit for client in options.only}}
    present = []
    for client in options.only:
        if why := built[client.kit]:
            print(f"skipped {client.name}: {why}", flush=True)
        else:
            present.append(client)
    with (
        closing(PortBlock()) as block,
        tempfile.TemporaryDirectory() as folder,
        Site(block) as site,
        ExitStack() as running,
    ):
        logs = (Path(folder, f"{number}.log") for number in range(len(present)))
        drivers = [running.enter_context(Driver(*pair)) for pair in zip(present, logs, strict=True)]
        results = _tried(site, drivers)
    if list(options.only) == list(CLIENTS):
        page.PAGE.write_text(page.renewed(page.PAGE.read_text("utf-8"), results), "utf-8")
    return int(any(result.troubles for result in results))


def _tried(site: Site, drivers: Sequence[Driver]) -> list[Result]:
    for driver in drivers:
        driver.await_ready()
    failed = {driver.client: _failed(site, driver) for driver in drivers}
    served = [driver for driver in drivers if driver.client.refused is None]
    offsets = {
        driver.client: checks.gets_offsets(driver, site)
        for driver in served
        if "connects" not in failed[driver.client]
    }
    runners = [driver for driver in served if driver.client in offsets]
    passed = _passed(site, runners)
    results = [
        Result(
            driver.client,
            driver.version,
            driver.runtime,
            failed[driver.client],
            offsets.get(driver.client),
            passed.get(driver.client),
        )
        for driver in drivers
    ]
    for result in results:
        what = f"{result.client.name}, {result.version} on {result.runtime}"
        print(
            f"{'FAILED' if result.troubles else 'passed'} {'; '.join([what, *result.troubles])}", flush=True
        )
    return results


def _failed(site: Site, driver: Driver) -> dict[str, str]:
    """Return the checks that a client does not pass, and why."""
    failed = {}
    for name in checks.of(driver.client):
        try:
            checks.CHECKS[name](driver, site)
        except AssertionError as exc:
            failed[name] = str(exc).partition("\n")[0]
            if name == "connects":
                break
    print(
        "; ".join([f"tried {driver.client.name}", *(f"{name}: {why}" for name, why in failed.items())]),
        flush=True,
    )
    return failed


def _passed(site: Site, drivers: Sequence[Driver]) -> dict[Client, Passed]:
    found = Course(site, drivers).run(WHOLE, IDLE_SECONDS)
    return {driver.client: passed for driver, passed in zip(drivers, found, strict=True)}


def _options() -> argparse.Namespace:
    def named(text: str) -> Sequence[Client]:
        words = text.split(",")
        chosen = [client for client in CLIENTS if any(word in client.name for word in words)]
        if not chosen:
            names = "; ".join(client.name for client in CLIENTS)
            raise argparse.ArgumentTypeError(f"{text!r} is part of no client's name: {names}")
        return chosen

    parser = argparse.ArgumentParser(prog="make interop OPTIONS=…", description=__doc__)
    parser.add_argument(
        "--only", type=named, default=CLIENTS, help="parts of names, comma separated; then no page is written"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
