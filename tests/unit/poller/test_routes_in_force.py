"""A routes file that changes while the poller runs."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures

from queuecast_poller import routes_in_force as module
from queuecast_poller.metrics import RoutesMetrics
from queuecast_poller.route.model import RoutesFile
from queuecast_poller.route.rules import Rules
from queuecast_poller.routes_in_force import RoutesInForce

GOOD, OTHER, WRONG = "event: price", "event: sale", "event: price\nrotes: []"


@pytest.fixture(autouse=True)
def _looking_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.001)


class Bench:
    """An intake between a scripted queue and a bus, and what it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "routes.yaml"
        self._versions = 0
        self.mount(GOOD)
        self.path.symlink_to(Path("..data") / "routes.yaml")
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_poller_routes")
        self.reload_requested = asyncio.Event()
        self.routes = RoutesInForce(str(self.path), ["orders"], Rules(), RoutesMetrics(registry))

    def mount(self, text: str) -> None:
        """Let the link `..data` lead to a new folder, atomically."""
        self._versions += 1
        version = self.folder / f"..{self._versions}"
        version.mkdir()
        (version / "routes.yaml").write_text(text, "utf-8")
        (self.folder / "..new").symlink_to(version.name)
        os.replace(self.folder / "..new", self.folder / "..data")

    @property
    def event(self) -> str:
        return self.routes.rules_of("orders").default.event

    async def until(self, claim: Callable[[], bool]) -> None:
        """Watch the file until a condition holds."""
        watching = asyncio.create_task(self.routes.watch(self.reload_requested))
        try:
            async with asyncio.timeout(10):
                while not claim():
                    assert not watching.done()
                    await asyncio.sleep(0)
        finally:
            watching.cancel()


async def test_a_configmap_that_changes_is_in_force_without_a_restart(tmp_path: Path) -> None:
    """Neither the link nor the mounted folder changes."""
    bench = Bench(tmp_path)
    assert bench.event == "price"
    assert bench.figure("loads_total", outcome="taken") == 1
    bench.mount(OTHER)
    await bench.until(lambda: bench.event == "sale")
    assert bench.figure("loads_total", outcome="taken") == 2
    assert bench.figure("loaded_timestamp_seconds") > 0


async def test_a_new_file_that_is_wrong_changes_nothing_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With every mistake in the log, until it is corrected."""
    bench = Bench(tmp_path)
    assert bench.routes.note().notes == ()
    bench.mount(WRONG)
    with caplog.at_level(logging.ERROR):
        await bench.until(lambda: bench.figure("wrong") == 1)
    assert bench.event == "price"
    assert "routes.yaml:2:8: rotes: 'rotes' is not known here: did you mean routes?" in caplog.text
    (note,) = bench.routes.note().notes
    assert "did you mean routes?" in note
    assert bench.routes.note().healthy, "it works on as before"
    assert bench.figure("loads_total", outcome="refused") == 1
    bench.mount(OTHER)
    await bench.until(lambda: bench.event == "sale")
    assert bench.routes.note().notes == ()
    assert bench.figure("wrong") == 0


async def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    """It may be about to be replaced."""
    bench = Bench(tmp_path)
    bench.path.unlink()
    await bench.until(lambda: bench.figure("wrong") == 1)
    assert bench.event == "price"


async def test_the_file_is_read_when_somebody_says_so(tmp_path: Path) -> None:
    """SIGHUP, for a file that changed without looking different."""
    bench = Bench(tmp_path)
    bench.reload_requested.set()
    await bench.until(lambda: bench.figure("loads_total", outcome="taken") == 2)
    assert not bench.reload_requested.is_set()


async def test_without_a_file_there_is_nothing_to_read(caplog: pytest.LogCaptureFixture) -> None:
    """And SIGHUP does not end the process."""
    routes = RoutesInForce(None, ["orders"], Rules(), RoutesMetrics(CollectorRegistry()))
    with caplog.at_level(logging.INFO):
        await routes.reload()
    assert "QUEUECAST_ROUTES" in caplog.text
    assert routes.rules_of("orders") == Rules(queue="orders")


async def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content that was read may be the older one, and would stay in force until the next change."""
    bench = Bench(tmp_path)
    load = module.load_routes

    def load_slowly(*arguments: Any) -> RoutesFile:
        found = load(*arguments)
        if found.all_queues.event == "price":
            bench.mount(OTHER)
        return found

    monkeypatch.setattr(module, "load_routes", load_slowly)
    bench.reload_requested.set()
    await bench.until(lambda: bench.event == "sale")


async def test_a_file_that_has_not_changed_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is checked every two seconds, and reading a large one takes CPU from the queues."""
    bench = Bench(tmp_path)
    bench.mount(OTHER)
    await bench.until(lambda: bench.event == "sale")
    looks = 0
    signature = bench.routes._signature

    def counted() -> tuple[int, ...] | None:
        nonlocal looks
        looks += 1
        return signature()

    monkeypatch.setattr(bench.routes, "_signature", counted)
    await bench.until(lambda: looks >= 5)
    assert bench.figure("loads_total", outcome="taken") == 2
