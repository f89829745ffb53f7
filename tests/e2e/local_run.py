"""`make run` as a process of the tests."""

from tests.claims import eventually

from queuecast_local.processes import Process

START_SECONDS = 180.0
"""It starts six processes, one after another, while other tests use the cores."""


def wait_until_started(process: Process) -> None:
    """Wait until it says that everything runs; fail with its output if it ends before."""

    def started() -> bool:
        assert process.exit_code is None, "\n".join(process.tail)
        return any("Ctrl-C stops everything" in line for line in process.tail)

    eventually(started, START_SECONDS)
