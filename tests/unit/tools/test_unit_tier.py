import asyncio


async def test_asyncio_watches_the_loop_of_a_test() -> None:
    """Debug mode finds coroutines never awaited and calls from the wrong thread; once it was off, unseen."""
    assert asyncio.get_running_loop().get_debug()


def test_asyncio_watches_loops_that_a_test_makes() -> None:
    """Those of `LoopThread` among them."""
    with asyncio.Runner() as runner:
        assert runner.get_loop().get_debug()
