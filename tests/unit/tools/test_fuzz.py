import gc
import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.fuzz.campaign import Found, replay, run
from tests.fuzz.case import BODY, FRAMES, HEAD, Case, seeds
from tests.fuzz.grammar import Grammar, frame

from queuecast_gateway.engine import frames
from queuecast_gateway.engine.frames import TEXT, Decoder
from queuecast_gateway.engine.packets import unpack
from queuecast_gateway.wire.packet import SocketPacket

SECONDS = float(os.environ.get("FUZZ_SECONDS", "30"))
SEED = 20_260_101
"""The same in each run, so that a run says something of a change; `make fuzz` draws a new one."""

TRIES = 20
"""How much is spent on making an input smaller, where that is not what a test is about."""

CASES = 1_500
"""Far more inputs than a defect of those below needs until it is found."""


@pytest.fixture(autouse=True)
def _as_make_fuzz_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without asyncio's debug mode, which halves the number of inputs, and with few objects to collect."""
    monkeypatch.delenv("PYTHONASYNCIODEBUG", raising=False)
    gc.freeze()


def count() -> Callable[[], float]:
    """Return a clock by which each input takes a second."""
    return itertools.count().__next__


@pytest.mark.parametrize(("name", "case"), seeds().items())
def test_an_input_that_is_kept_breaks_nothing(name: str, case: Case) -> None:
    """The classics of such peers, and all that was ever found."""
    replay(case, name)


@pytest.mark.timeout(SECONDS + 120)
def test_no_input_breaks_anything() -> None:
    """A traceback or a leak that a peer can bring about at will is a way to bring the gateway down."""
    report = run(SECONDS, SEED)
    print(report)
    assert report.cases > SECONDS
    assert report.outcomes > 10, "hardly anything of the gateway was reached"


def test_the_same_seed_makes_the_same_inputs(tmp_path: Path) -> None:
    """Or else a failure in CI could not be looked at elsewhere."""
    first, second = (run(150, SEED, tmp_path, count()) for _ in range(2))
    assert (first.cases, first.outcomes) == (second.cases, second.outcomes)
    one, same, other = (Grammar(Random(seed)).case() for seed in (1, 1, 2))
    assert one == same != other


def test_a_case_comes_back_from_its_file() -> None:
    """What is kept has to be what failed."""
    reads = (b"", b"'\"\\\n\x00\xff", b"[" * 3000, b"42")
    for kind in (FRAMES, BODY, HEAD):
        case = Case(kind, reads, "what\nit is")
        assert Case.from_text(case.to_text()) == case
        assert case.to_text().isascii()


# What a campaign is for: each of its checks fails if the gateway is broken


def forgets(*_: Any, **__: Any) -> None:
    """Stand in for a method that checks something or clears up."""


class Lavish(Decoder):
    """Looks at the limit once a frame is whole."""

    def _header(self) -> tuple[int, int, int]:
        limit, self._max_bytes = self._max_bytes, 1 << 62
        try:
            return super()._header()
        finally:
            self._max_bytes = limit


class Hasty(Decoder):
    """Takes each read for whole frames."""

    def feed(self, data: bytes) -> Any:
        yield from super().feed(data)
        self.rest()


def closes_with(code: int) -> Callable[..., bytes]:
    return lambda *_: frames.encode(frames.CLOSE, code.to_bytes(2, "big"))


def raises(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError


GATEWAY = "queuecast_gateway"
DEFECTS = {
    "another exception of the decoder": (
        "tests.fuzz.reference.Decoder._control",
        raises,
        "ZeroDivisionError",
    ),
    "another exception of a packet": (
        f"{GATEWAY}.wire.packet.SocketPacket._check_data",
        raises,
        "ZeroDivisionError",
    ),
    "another exception of a body": ("tests.fuzz.checks.packets.unpack", raises, "ZeroDivisionError"),
    "another exception of a request": ("tests.fuzz.checks.handshake.switch", raises, "ZeroDivisionError"),
    "a frame that is too large": (
        "tests.fuzz.reference.Decoder",
        Lavish,
        "bytes are kept|expected",
    ),
    "frames that are cut": ("tests.fuzz.reference.Decoder", Hasty, "read "),
    "text that is not UTF-8": (
        f"{GATEWAY}.engine.frames._text",
        lambda payload: payload.decode(errors="replace"),
        "expected",
    ),
    "opcodes in disorder": (f"{GATEWAY}.engine.frames.Decoder._check", forgets, "expected"),
    "another body": (
        "tests.fuzz.checks.packets.unpack",
        lambda body: [part if isinstance(part, str) else b"x" + part for part in unpack(body)],
        "was read as",
    ),
    "another packet": (
        "tests.fuzz.checks.SocketPacket.encode",
        lambda packet: (
            super(SocketPacket, packet).encode() if packet.id is None else f'2{packet.id + 1}["x"]'
        ),
        "was read again as",
    ),
    "a traceback": (f"{GATEWAY}.server.handlers.Handlers._relay", raises, "logged"),
    "no answer": (f"{GATEWAY}.server.handlers.accepted", raises, "not answered|logged"),
    "a close code of nobody": (
        f"{GATEWAY}.engine.session.frames.encode_close",
        closes_with(1011),
        "closed with 1011",
    ),
    "a session that is kept": (
        f"{GATEWAY}.delivery.gateway_bus.GatewayBus.basic_disconnect",
        forgets,
        "left behind: .*rooms",
    ),
    "a deadline that is kept": (
        f"{GATEWAY}.engine.timer_wheel.TimerWheel.cancel",
        forgets,
        "a heartbeat is left",
    ),
    "an unknown status": (f"{GATEWAY}.engine.refusals.bad_request", raises, "ZeroDivisionError"),
}


@pytest.mark.parametrize(("target", "broken", "words"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_is_found(
    target: str, broken: Any, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A campaign that finds nothing says something only if it would have found it."""
    monkeypatch.setattr(target, broken)
    with pytest.raises(Found, match=f"(?s)^.*({words})"):
        run(CASES, SEED, tmp_path, count(), TRIES)
    assert len(list(tmp_path.iterdir())) == 1


def test_memory_that_is_never_given_back_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A little for each connection is all of it after a day."""
    kept: list[Any] = []
    monkeypatch.setattr(
        "tests.fuzz.campaign.check_bodies",
        lambda _: kept.append([bytes(50) + bytes((n,)) for n in range(200)]),
    )
    with pytest.raises(Found, match=f"blocks of memory (?s:.*) --seed {SEED}"):
        run(CASES, SEED, tmp_path, count())


def test_what_is_found_is_kept_as_small_as_it_can_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A person has to see at once what it is, and to run it again by the command that is told."""
    monkeypatch.setattr(f"{GATEWAY}.server.handlers.Handlers._relay", raises)
    with pytest.raises(Found) as found:
        run(CASES, SEED, tmp_path, count())
    ((name, case),) = seeds(tmp_path).items()
    assert f"--replay {tmp_path}/{name}.txt" in str(found.value)
    assert case.size < 120
    assert re.search(rb"removed", b"".join(case.reads))
    assert "logged" in case.note
    with pytest.raises(Found, match=name):
        replay(case, name)
    monkeypatch.undo()
    replay(case, name)


def test_a_good_event_is_answered_or_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open connection that hears nobody is worse than one that is closed."""
    monkeypatch.setattr(f"{GATEWAY}.server.socketio_server.SocketServer._send_packet", _silence)
    with pytest.raises(Found, match="a good event is not answered"):
        replay(Case(FRAMES, (frame(TEXT, b"40"),)), "a greeting")


async def _silence(*_: Any) -> None:
    """Say nothing."""
