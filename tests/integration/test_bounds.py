"""What one browser can make a gateway and Redis hold is bounded in bytes, and seen."""

import json

from .counts import ACKS_REFUSED, Counts
from .page import page
from .site import Site, site

__all__ = ["site"]


async def test_rooms_are_bounded_in_bytes(site: Site) -> None:
    """One by one and together: a character has up to four bytes, and JSON writes it in twelve."""
    one = await site.start(max_room_bytes=512)
    counts = Counts(one, ACKS_REFUSED)
    async with page(one.port) as ann:
        longest, too_long = "😀" * 64, "😀" * 64 + "x"
        assert (await ann.ask("subscribe", too_long))["error"]["code"] == "bad_room"
        assert (await ann.ask("subscribe", longest))["rooms"] == [longest]
        assert (await ann.ask("subscribe", ["x" * 256, "y"]))["error"]["code"] == "too_many_rooms"
        assert (await ann.ask("subscribe", ["x" * 256]))["ok"]
        assert counts.more() == {"bad_room": 1, "too_many_rooms": 1}


async def test_an_answer_is_no_longer_than_what_was_asked(site: Site) -> None:
    """Whoever is in many long rooms and leaves what it is not in must not have them all sent to it."""
    one = await site.start()
    rooms = [f"{number}".ljust(200, "x") for number in range(40)]
    async with page(one.port) as ann:
        assert (await ann.ask("subscribe", rooms))["rooms"] == rooms
        for event in ("subscribe", "unsubscribe"):
            asked = rooms[0] if event == "subscribe" else "none"
            assert len(json.dumps(await ann.ask(event, asked))) <= len(asked) + 50
