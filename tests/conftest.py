"""How a run is organised: the number of workers, the order of the tests, and the summary at the end."""

import gc
import os
from collections.abc import Generator
from typing import Any

import pytest
from tests.scheduling import rank, scheduler


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return three per core: most tests only wait for processes that they have started.

    Unit tests wait for nothing, and each worker takes seconds to collect them: one per core, and one more.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1 if config.args == ["tests/unit"] else 3 * cores


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduler(config, log) if config.option.dist == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, which then ignores the objects of all tests for good.

    A pass over a million of them takes a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    seed = config.getoption("randomly_seed", None)
    if isinstance(seed, int):
        terminalreporter.section("order")
        terminalreporter.write_line(
            f"seed {seed}; SEED={seed} behind the same make command repeats the order"
        )
