from queuecast_edge.health import Health, all_of


def test_nothing_to_complain_about_is_well() -> None:
    """And nothing else is."""
    assert Health().well
    assert not Health(("the bus is away",)).well


def test_a_whole_is_well_when_all_its_parts_are() -> None:
    """A poller with one queue that works and one that does not is not ready."""
    assert all_of([]).well
    assert all_of([Health(), Health()]).well
    assert not all_of([Health(), Health(("queue b: gone",))]).well


def test_a_whole_gives_all_reasons() -> None:
    """Who looks at `/readyz` sees everything at once."""
    states = [Health(("a", "b")), Health(), Health(("c",))]
    assert all_of(states) == Health(("a", "b", "c"))
