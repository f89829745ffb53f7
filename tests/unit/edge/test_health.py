from queuecast_edge.health import Health, combine


def test_without_reasons_it_is_healthy() -> None:
    """And nothing else is healthy."""
    assert Health().healthy
    assert not Health(("the bus is away",)).healthy


def test_a_whole_is_healthy_when_all_its_parts_are() -> None:
    """A poller with one queue that works and one that does not is not ready."""
    assert combine([]).healthy
    assert combine([Health(), Health()]).healthy
    assert not combine([Health(), Health(("queue b: gone",))]).healthy


def test_a_whole_gives_all_reasons() -> None:
    """Operators who look at `/readyz` see everything at once."""
    states = [Health(("a", "b")), Health(), Health(("c",))]
    assert combine(states) == Health(("a", "b", "c"))
