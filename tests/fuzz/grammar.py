"""Draws what a client sends: JSON, Socket.IO and Engine.IO packets, frames, requests; most of them valid.

An invalid input is wrong on one level only, so that it reaches the levels above: a frame with a false header
holds a good packet, and a strange packet is in a good frame.
"""

import base64
import json
import zlib
from random import Random

from tests.fuzz.case import BODY, COMPRESSED, FRAMES, HEAD, Case
from tests.fuzz.vocabulary import (
    BAD_TEXT,
    CLOSE_CODES,
    COUNTS,
    ENGINE,
    EVENTS,
    IDS,
    KEYS,
    LENGTHS,
    NAMESPACES,
    NUMBERS,
    SEPARATOR,
    STRINGS,
    WORDS,
)

from queuecast_gateway.engine.frames import BINARY, CLOSE, CONTINUATION, MAX_FRAGMENTS, PING, PONG, TEXT


def frame(
    opcode: int,
    payload: bytes,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = bytes(4),
    form: int | None = None,
    length: int | None = None,
) -> bytes:
    """Return a frame. `form` is the number of extra length bytes; `length` may be false."""
    length = len(payload) if length is None else length
    if form is None:
        form = 0 if length < 126 else 2 if length < 1 << 16 else 8
    short = {0: length & 0x7F, 2: 126, 8: 127}[form]
    head = bytes((fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | short))
    head += (length & (1 << 8 * form) - 1).to_bytes(form, "big") if form else b""
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Grammar:
    """Everything is drawn from a single source of randomness."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._compresses = False

    def case(self) -> Case:
        """Draw a whole input."""
        kind = self._random.choices((FRAMES, COMPRESSED, BODY, HEAD), (65, 15, 12, 8))[0]
        self._compresses = kind == COMPRESSED
        draw = {BODY: self.bodies, HEAD: self.head}.get(kind, self.frames)
        return Case(kind, tuple(draw()))

    # Frames

    def frames(self) -> list[bytes]:
        """Draw a conversation, with one frame per read."""
        reads = [frame(TEXT, b"40")] if self._chance(0.85) else []
        for _ in range(self._random.choice((1, 1, 2, 3, 5, 12))):
            reads += self._message()
            if self._chance(0.2):
                reads.append(b"")
            if self._chance(0.1):
                reads.append(self._strange_frame())
        if self._chance(0.05):
            reads = reads + reads[-3:] * self._random.choice((5, 30, 80))
        return reads

    def _message(self) -> list[bytes]:
        """Draw a message with its attachments."""
        if self._chance(0.15):
            return self._fragmented(TEXT, self._random.choice(ENGINE).encode())
        text, attachments = self.packet()
        payload = b"4" + text.encode("utf-8", "surrogatepass")
        if self._chance(0.03):
            at = self._random.randrange(len(payload) + 1)
            payload = payload[:at] + self._random.choice(BAD_TEXT) + payload[at:]
        return [
            *self._fragmented(TEXT, payload),
            *(read for attachment in attachments for read in self._fragmented(BINARY, attachment)),
        ]

    def _fragmented(self, opcode: int, payload: bytes) -> list[bytes]:
        random = self._random
        mask = random.randbytes(4) if self._chance(0.3) else bytes(4)
        rsv = 0
        if self._compresses and self._chance(0.7):
            payload, rsv = self._compressed(payload), 4
        if self._chance(0.8):
            return [frame(opcode, payload, mask=mask, rsv=rsv)]
        edges = sorted(random.randrange(len(payload) + 1) for _ in range(random.choice((1, 1, 2, 5))))
        parts = [payload[start:end] for start, end in zip([0, *edges], [*edges, len(payload)], strict=True)]
        if self._chance(0.03):
            parts[1:1] = [b""] * random.choice((10, MAX_FRAGMENTS - len(parts), MAX_FRAGMENTS))
        reads = []
        for at, part in enumerate(parts):
            last = at == len(parts) - 1
            reads.append(
                frame(CONTINUATION if at else opcode, part, fin=last, mask=mask, rsv=0 if at else rsv)
            )
            if not last and self._chance(0.2):
                reads.append(self._control())
        return reads

    def _compressed(self, data: bytes) -> bytes:
        """Compress a message in one of the ways that there are; some are truncated."""
        random = self._random
        stream = zlib.compressobj(random.choice((0, 1, 6, 9)), zlib.DEFLATED, -random.choice((9, 12, 15)))
        parts = [stream.compress(data)]
        if self._chance(0.2):
            parts += [stream.flush(zlib.Z_FULL_FLUSH), stream.compress(data[:9])]
        if self._chance(0.1):
            return b"".join([*parts, stream.flush(), b"\x00"])
        payload = b"".join([*parts, stream.flush(zlib.Z_SYNC_FLUSH)]).removesuffix(b"\x00\x00\xff\xff")
        return payload[: random.randrange(len(payload))] if self._chance(0.1) else payload

    def _control(self) -> bytes:
        random = self._random
        opcode = random.choices((PING, PONG, CLOSE), (6, 3, 1))[0]
        if opcode != CLOSE:
            return frame(opcode, random.randbytes(random.choice((0, 1, 4, 125))))
        reason = random.choice((b"", b"bye", "zoë".encode(), *BAD_TEXT, b"x" * 123))
        return frame(CLOSE, random.choice((b"", b"\x03", self._close_code() + reason)))

    def _close_code(self) -> bytes:
        return self._random.choice(CLOSE_CODES).to_bytes(2, "big")

    def _strange_frame(self) -> bytes:
        """Draw a frame that breaks the RFC, or nearly."""
        random = self._random
        payload = random.choice((b"", b"40", b'42["subscribe","a"]', random.randbytes(random.randrange(300))))
        opcode = random.choice((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, 3, 7, 11, 15))
        match random.randrange(6):
            case 0:
                return frame(opcode, payload, rsv=random.randrange(1, 8))
            case 1:
                return frame(opcode, payload, mask=None)
            case 2:
                return frame(opcode, payload, form=random.choice((2, 8)))
            case 3:
                return frame(opcode, payload, length=random.choice(LENGTHS), form=random.choice((2, 8, 8)))
            case 4:
                return frame(opcode, payload, fin=False)
            case _:
                return self._control() if self._chance(0.5) else frame(opcode, payload)

    # Long-polling

    def bodies(self) -> list[bytes]:
        """Draw the bodies of POSTs."""
        bodies = [b"40"] if self._chance(0.85) else []
        for _ in range(self._random.choice((1, 1, 2, 4))):
            packets: list[str] = []
            for _ in range(self._random.choice((1, 1, 2, 5, 64, 65))):
                packets += self._posted()
            body = SEPARATOR.join(packets).encode("utf-8", "surrogatepass")
            bodies.append(body + (self._random.choice(BAD_TEXT) if self._chance(0.03) else b""))
        return bodies

    def _posted(self) -> list[str]:
        if self._chance(0.25):
            return [self._random.choice(ENGINE)]
        text, attachments = self.packet()
        ends = ("",) * 20 + ("=", "!", "\n", "é", "b")
        return [
            f"4{text}",
            *(f"b{base64.b64encode(each).decode()}{self._random.choice(ends)}" for each in attachments),
        ]

    # The request

    def head(self) -> list[bytes]:
        """Draw a target and headers."""
        random = self._random
        key = base64.b64encode(random.randbytes(16))
        query = ["EIO=4", "transport=websocket"]
        if self._chance(0.4):
            query.append(
                random.choice(
                    ("sid=a", "EIO=3", "EIO=", "EIO", "=", "%", "%zz=%ff", "sid=%00", "a=1;b=2", "é", "+")
                )
            )
        if self._chance(0.3):
            random.shuffle(query)
            query = query[1:]
        target = random.choice(
            ("/socket.io/", "/socket.io", "/", "//", "/%2e%2e/", "/%ff", "*", "http://h/", "?")
        )
        lines = {
            "host": "example.org",
            "sec-websocket-version": random.choice(("13", "13", "13", "8", "", "13, 8", "013", "١٣")),
            "sec-websocket-key": random.choice(
                (
                    key.decode(),
                    key.decode(),
                    key.decode()[:-1],
                    "",
                    "é",
                    " AA== ",
                    "=" * 24,
                    key.decode() + "=",
                )
            ),
        }
        if self._chance(0.3):
            offer = random.choice(("", "=", "=10", "=15", "=16", '="15"', '="', '="1\\5"', "=1 0"))
            name = random.choice(("client_max_window_bits", "server_max_window_bits", "x", "", "é"))
            others = random.choice(("", ", permessage-deflate", "x,", ",,", ";", " "))
            lines["sec-websocket-extensions"] = f"permessage-deflate; {name}{offer}{others}"
        if self._chance(0.3):
            name = random.choice(
                ("x-forwarded-proto", "origin", "a:b", "", "sec-websocket-key", "é", "cookie")
            )
            lines[name] = random.choice(("https", "", "a: b", ": ", "\xff", "x" * 5000, "\x00"))
        read = [f"{target}?{'&'.join(query)}"]
        for name, value in lines.items():
            if self._chance(0.95):
                read += [name, value]
        return [text.encode("latin-1", "replace") for text in read]

    # Packets

    def packet(self) -> tuple[str, list[bytes]]:
        """Draw a Socket.IO packet and its attachments."""
        if self._chance(0.5):
            return self._good_packet()
        random = self._random
        kind = (
            random.choice("0122223455567")
            if self._chance(0.95)
            else random.choice(("", "8", "٢", "-", "b", "\x00"))
        )
        count = random.choice(COUNTS) if self._chance(0.8 if kind in ("5", "6") else 0.05) else ""
        namespace = random.choice(NAMESPACES) if self._chance(0.3) else ""
        packet_id = random.choice(IDS) if self._chance(0.4) else ""
        return f"{kind}{count}{namespace}{packet_id}{self._payload()}", self._attachments(count)

    def _good_packet(self) -> tuple[str, list[bytes]]:
        random = self._random
        namespace = random.choice(("", "", "", "/shop,"))
        match random.randrange(7):
            case 0:
                return f"0{namespace}{random.choice(('', '{}', self._auth()))}", []
            case 1:
                return f"1{namespace}", []
            case 2:
                return f"3{namespace}{random.randrange(9)}[]", []
            case 3:
                count = random.choice((1, 1, 2, 10))
                places = [self._placeholder(random.randrange(count)) for _ in range(random.randrange(4))]
                text = ",".join(['"item_removed"', *places, *self._arguments()])
                return f"5{count}-{namespace}{random.choice(IDS[:4])}[{text}]", self._attachments(f"{count}-")
            case 4:
                rooms = json.dumps([f"sku:{number}" for number in range(random.choice((1, 2, 120)))])
                return f"2{namespace}{random.choice(IDS[:4])}[{random.choice(EVENTS[:2])},{rooms}]", []
            case _:
                text = ",".join([random.choice(EVENTS[:5]), *self._arguments()])
                return f"2{namespace}{random.choice(('', *IDS[:5]))}[{text}]", []

    def _auth(self) -> str:
        pid = self._random.choice(('"known"', '"unknown"', '""', '"\\ud800"', '"é"', "1", "null", "{}"))
        offset = self._random.choice(
            ('"0-0"', '"1-1"', '"9-9-9"', '"٣-0"', '"-"', "0", "null", f'"{"9" * 16}-0"')
        )
        wish = self._random.choice(("true", "false", "0", "{}"))
        return f'{{"pid":{pid},"offset":{offset},"recovery":{wish}}}'

    def _attachments(self, count: str) -> list[bytes]:
        digits = count.rstrip("-")
        number = int(digits) if digits.isascii() and digits.isdecimal() else 0
        if self._chance(0.1):
            number += self._random.choice((-1, 1))
        return [
            self._random.randbytes(self._random.choice((0, 1, 3, 200)))
            for _ in range(max(0, min(number, 12)))
        ]

    def _payload(self) -> str:
        if self._chance(0.15):
            return self.json(2)
        if self._chance(0.1):
            return self._auth()
        return f"[{','.join([self._random.choice(EVENTS), *self._arguments()])}]"

    def _arguments(self) -> list[str]:
        return [self.json(3) for _ in range(self._random.choice((0, 1, 1, 2)))]

    # JSON

    def json(self, depth: int) -> str:
        """Draw a text that is JSON or nearly so."""
        random = self._random
        choice = random.random()
        if choice < 0.25 or depth == 0:
            return random.choice(STRINGS)
        if choice < 0.45:
            return random.choice(NUMBERS)
        if choice < 0.55:
            return random.choice(WORDS)
        if choice < 0.65:
            return self._placeholder(
                random.choice(("0", "1", "9", "-1", "true", "1.0", '"0"', "null", "1e9"))
            )
        if choice < 0.68:
            return self._deep(random.choice((50, 300, 1000, 1600, 2000)))
        inner = [self.json(depth - 1) for _ in range(random.randrange(4))]
        if choice < 0.84:
            return f"[{','.join(inner)}]"
        return f"{{{','.join(f'{random.choice(KEYS)}:{value}' for value in inner)}}}"

    def _placeholder(self, number: object) -> str:
        truth = self._random.choice(("true", "true", "true", "1", '"true"', "false", "null"))
        return self._random.choice(
            (
                f'{{"_placeholder":{truth},"num":{number}}}',
                f'{{"num":{number},"_placeholder":{truth}}}',
                f'{{"_placeholder":{truth},"num":{number},"num":0}}',
                f'{{"_placeholder":{truth}}}',
                f'{{"_placeholder":false,"_placeholder":{truth},"num":{number},"x":1}}',
            )
        )

    def _deep(self, depth: int) -> str:
        left, right = self._random.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")))
        middle = self._random.choice(("", "1", self._placeholder(0)))
        return left * depth + (middle or ("1" if ":" in left else "")) + right * (depth - self._chance(0.1))

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability
