"""Hands events to connections: compressed, once for all, for those that have agreed on it.

How a message is compressed belongs to `engine.deflate`; the compressed events are kept in `history`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from queuecast_gateway.delivery.history import History
from queuecast_gateway.engine.outbox import Outbox
from queuecast_gateway.engine.session import Session
from queuecast_gateway.metrics import Metrics

REPLAY_BYTES = 128 << 10
"""How much of a replay is compressed that was not before. This takes 2 ms, in which nobody else is served;
the next replay of the same events goes on from there."""


class Piece(NamedTuple):
    """The frames of one event, and the offset of its record if they contain it."""

    frames: bytes
    offset: str = ""


class Compression:
    """Chooses the form in which each connection gets an event. It is off if the history has no deflater."""

    def __init__(self, history: History, metrics: Metrics | None = None) -> None:
        self._history = history
        self._metrics = metrics

    def put(self, outbox: Outbox, pieces: Sequence[Piece], sessions: Sequence[Session]) -> None:
        """Write events to each of these sessions, all in one piece."""
        sent = _joined([piece.frames for piece in pieces])
        # What is written to a held session is read once more, so it must be plain.
        if any(map(self._is_large, pieces)) and (
            agreed := [each for each in sessions if each.deflates and not each.held]
        ):
            deflated = _joined([self._history.deflated(*piece) for piece in pieces])
            outbox.put(deflated, agreed)
            self._count(pieces, len(sent) - len(deflated), len(agreed))
            if len(agreed) == len(sessions):
                return
            sessions = [each for each in sessions if not each.deflates or each.held]
        outbox.put(sent, sessions)

    def replayed(self, pieces: Sequence[Piece]) -> bytes:
        """Return events for one connection with compression, all in one piece."""
        chosen: list[bytes] = []
        saved, left = 0, REPLAY_BYTES
        for piece in pieces:
            form = self._history.deflated_before(piece.offset)
            if form is None and left > 0 and self._is_large(piece):
                form = self._history.deflated(*piece)
                left -= len(piece.frames)
            chosen.append(form or piece.frames)
            saved += len(piece.frames) - len(chosen[-1])
        self._count(pieces, saved, 1)
        return b"".join(chosen)

    def _is_large(self, piece: Piece) -> bool:
        deflater = self._history.deflater
        return deflater is not None and len(piece.frames) >= deflater.min_bytes

    def _count(self, pieces: Sequence[Piece], saved: int, connections: int) -> None:
        if self._metrics is not None:
            before = sum([len(piece.frames) for piece in pieces if self._is_large(piece)])
            self._metrics.compression_bytes.labels("before").inc(before * connections)
            self._metrics.compression_bytes.labels("after").inc((before - saved) * connections)


def _joined(pieces: Sequence[bytes]) -> bytes:
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
