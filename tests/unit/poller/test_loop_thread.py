import asyncio
import threading

import pytest

from queuecast_poller.loop_thread import LoopThread, pause

SECONDS = 10.0
"""Long enough on a busy machine; nothing here waits that long unless it is broken."""


async def until_stopped(stop: asyncio.Event) -> None:
    await stop.wait()


def test_main_runs_in_a_thread_and_a_loop_of_its_own() -> None:
    """A queue that hangs must not block another one, or the admin server."""
    seen: list[object] = []

    async def main(stop: asyncio.Event) -> None:
        seen.extend([threading.current_thread(), asyncio.get_running_loop()])

    async def outside() -> None:
        thread = LoopThread("orders", main)
        thread.start()
        await asyncio.wrap_future(thread.outcome)
        assert seen[0] is not threading.current_thread()
        assert seen[1] is not asyncio.get_running_loop()

    asyncio.run(outside())


def test_the_thread_has_the_name_it_was_given() -> None:
    """Log lines and stack dumps show it."""
    names: list[str] = []

    async def main(stop: asyncio.Event) -> None:
        names.append(threading.current_thread().name)

    thread = LoopThread("queue-orders", main)
    thread.start()
    thread.join(SECONDS)
    assert names == [thread.name] == ["queue-orders"]


def test_it_ends_soon_after_stop() -> None:
    """Other threads reach the loop by `stop` and `join` only."""
    thread = LoopThread("orders", until_stopped)
    thread.start()
    thread.stop()
    thread.join(SECONDS)
    assert thread.outcome.done()


def test_it_can_be_told_to_stop_before_it_starts() -> None:
    """SIGTERM may come at any time; if it were lost, the process would never end."""
    thread = LoopThread("orders", until_stopped)
    thread.stop()
    thread.start()
    thread.join(SECONDS)


def test_it_can_be_told_to_stop_repeatedly_and_after_its_end() -> None:
    """Signals may come twice, and threads may end by themselves."""
    thread = LoopThread("orders", until_stopped)
    thread.start()
    thread.stop()
    thread.stop()
    thread.join(SECONDS)
    thread.stop()
    thread.join(SECONDS)


def test_what_ended_it_comes_out_of_join() -> None:
    """A dead loop ends the process, and the log says why."""

    async def main(stop: asyncio.Event) -> None:
        raise KeyError("bug")

    thread = LoopThread("orders", main)
    thread.start()
    with pytest.raises(KeyError, match="bug"):
        thread.join(SECONDS)


def test_what_fails_while_stopping_comes_out_of_join() -> None:
    """The exit code must show it."""

    async def main(stop: asyncio.Event) -> None:
        await stop.wait()
        raise KeyError("bug")

    thread = LoopThread("orders", main)
    thread.start()
    thread.stop()
    with pytest.raises(KeyError, match="bug"):
        thread.join(SECONDS)


def test_an_end_that_nobody_asked_for_is_an_outcome_too() -> None:
    """The supervisor treats it as a failure, and has to see it first."""

    async def main(stop: asyncio.Event) -> None:
        return

    thread = LoopThread("orders", main)
    thread.start()
    thread.join(SECONDS)


def test_a_main_that_ignores_stop_is_cut_off() -> None:
    """The process has to end before the kubelet kills it; what main cleans up is still cleaned up."""
    cleaned_up = threading.Event()

    async def main(stop: asyncio.Event) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cleaned_up.set()

    thread = LoopThread("orders", main, grace_seconds=0)
    thread.start()
    thread.stop()
    thread.join(SECONDS)
    assert cleaned_up.is_set()


def test_a_main_that_uses_its_grace_is_not_cut_off() -> None:
    """Cancelling a long poll would strand the messages in its answer."""
    finished = threading.Event()

    async def main(stop: asyncio.Event) -> None:
        await stop.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        finished.set()

    thread = LoopThread("orders", main, grace_seconds=SECONDS)
    thread.start()
    thread.stop()
    thread.join(SECONDS)
    assert finished.is_set()


def test_waiting_for_the_end_has_a_limit() -> None:
    """The caller decides how long."""
    thread = LoopThread("orders", until_stopped)
    thread.start()
    with pytest.raises(TimeoutError):
        thread.join(0)
    thread.stop()
    thread.join(SECONDS)


async def test_a_pause_ends_when_its_time_is_over() -> None:
    """Then comes the next try."""
    stop = asyncio.Event()
    await pause(stop, 0)
    assert not stop.is_set()


async def test_a_pause_ends_when_we_are_told_to_stop() -> None:
    """A back-off of twenty seconds must not delay the end of the process."""
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(SECONDS):
        await pause(stop, 3600)
