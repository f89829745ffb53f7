"""Any input gives the same frames, however it is split."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.engine.client_frames import HEADER, SMALL, decoded, masked, read

from queuecast_gateway.engine.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Decoder,
    Frame,
    FrameError,
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


close_payloads = st.just(b"") | st.builds(
    lambda code, reason: code.to_bytes(2, "big") + reason.encode(),
    st.sampled_from([1000, 1001, 1011, 3000, 4999]),
    st.text(max_size=20),
)
controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)) | st.tuples(
    st.just(CLOSE), close_payloads
)
messages = st.tuples(st.just(TEXT), st.text(max_size=60).map(str.encode)) | st.tuples(
    st.just(BINARY), st.binary(max_size=SMALL)
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Frame]]:
    """Draw bytes that obey the RFC, and the frames that they contain."""
    sent, expected = b"", []
    for opcode, payload in draw(st.lists(messages | controls, max_size=6)):
        mask = draw(st.binary(min_size=4, max_size=4))
        if opcode & 0x08:
            sent += masked(opcode, payload, mask=mask)
            expected.append(Frame(opcode, payload))
            continue
        parts = cut(payload, draw(st.lists(st.integers(0, SMALL), max_size=3)))
        for at, part in enumerate(parts):
            last = at == len(parts) - 1
            sent += masked(opcode if at == 0 else CONTINUATION, part, fin=last, mask=mask)
            if not last and draw(st.booleans()):
                sent += masked(PING, b"between")
                expected.append(Frame(PING, b"between"))
        expected.append(Frame(opcode, payload.decode() if opcode == TEXT else payload))
    return sent, expected


places = st.lists(st.integers(0, 5000), max_size=12)
noise = st.lists(
    st.binary(max_size=40)
    | st.builds(
        masked,
        st.integers(0, 15),
        st.binary(max_size=150),
        fin=st.booleans(),
        rsv=st.sampled_from([0, 0, 0, 0, 0, 0, 1]),
    ),
    max_size=12,
).map(b"".join)


@given(conversations(), places)
def test_valid_input_is_decoded_however_it_is_split(
    said: tuple[bytes, list[Frame]], places: list[int]
) -> None:
    """TCP has no messages: a proxy or a slow link may split anywhere, in a header or in a character."""
    sent, expected = said
    assert read(*cut(sent, places), limit=SMALL) == expected


@given(conversations())
def test_input_that_comes_byte_by_byte_is_decoded(said: tuple[bytes, list[Frame]]) -> None:
    """A header may be incomplete at every place."""
    sent, expected = said
    assert read(*(bytes((byte,)) for byte in sent), limit=SMALL) == expected


@given(conversations())
def test_after_whole_messages_nothing_is_kept(said: tuple[bytes, list[Frame]]) -> None:
    """A session drops its decoder while it is idle, so idle sessions are cheap."""
    decoder = Decoder(SMALL)
    list(decoder.feed(said[0]))
    assert decoder.idle


@given(noise, places)
def test_noise_gives_the_same_frames_and_error_however_it_is_split(sent: bytes, places: list[int]) -> None:
    """An error must not depend on the network, or nobody could reproduce it."""
    whole, split = decoded(sent, limit=SMALL), decoded(*cut(sent, places), limit=SMALL)
    assert split == whole


@given(st.binary(max_size=400) | noise)
def test_noise_is_decoded_or_refused(sent: bytes) -> None:
    """Any other exception would go to the event loop's handler, and leave the session open but deaf."""
    for opcode, payload in decoded(sent, limit=SMALL)[0]:
        assert opcode in {TEXT, BINARY, CLOSE, PING, PONG}
        assert isinstance(payload, str if opcode == TEXT else bytes)
        assert len(payload) <= max(SMALL, 125)


@given(conversations().map(lambda said: said[0]) | noise, places)
def test_what_a_decoder_keeps_never_exceeds_the_limit_and_a_header(sent: bytes, places: list[int]) -> None:
    """The limit bounds the memory of a connection; a control frame may come between fragments."""
    decoder = Decoder(SMALL)
    for chunk in cut(sent, places):
        try:
            list(decoder.feed(chunk))
        except FrameError:
            return
        kept, message = len(decoder._buffer), len(decoder._message)
        assert message <= SMALL
        assert message + kept <= SMALL + max(HEADER, 6 + 125)
