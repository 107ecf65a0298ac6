"""The client's side of RFC 6455, able to break every rule of it; what the server sends is read strictly."""

import base64
import dataclasses
import hashlib

from wire import Closed, Wire, lines

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x37\xfa\x21\x3d"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def masked(payload, mask=MASK):
    """As one large number: a loop over 16 MiB would take seconds."""
    if not payload or mask == b"\0\0\0\0":
        return payload
    stream = (mask * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(payload), "big")


def frame(opcode, payload=b"", final=True, reserved=0, mask=MASK, length=None, length_bytes=None):
    """A frame; `length` and `length_bytes` (0, 2 or 8) say something else than the payload does."""
    if isinstance(payload, str):
        payload = payload.encode()
    size = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    seven = {0: size, 2: 126, 8: 127}[length_bytes]
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode, (0x80 if mask is not None else 0) | seven])
    head += size.to_bytes(length_bytes, "big") if length_bytes else b""
    return head + (mask + masked(payload, mask) if mask is not None else payload)


def fragments(opcode, pieces):
    """A message in so many frames."""
    return b"".join(frame(opcode if i == 0 else CONTINUATION, piece, final=i == len(pieces) - 1)
                    for i, piece in enumerate(pieces))


def close_payload(code, reason=b""):
    return code.to_bytes(2, "big") + (reason.encode() if isinstance(reason, str) else reason)


def handshake(target, *headers, key=KEY):
    return lines(f"GET {target} HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *headers, "")


@dataclasses.dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    compressed: bool = False

    @property
    def code(self):
        """Of a close; None if it is empty."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else None


class WebSocket(Wire):
    """An open WebSocket. `behind`: bytes sent in one piece with the request."""

    def __init__(self, target="/echo", headers=(), behind=b"", address=None):
        super().__init__(address)
        self.send(handshake(target, *headers) + behind)
        self.upgrade = self.opening()
        assert self.upgrade.status == 101, f"{target}: {self.upgrade.status}"

    def opening(self):
        response = self.response(interim=True)
        assert response.status == 101, response
        assert response.header("Upgrade").lower() == "websocket"
        assert response.header("Connection").lower() == "upgrade"
        assert response.header("Sec-WebSocket-Accept") == accept_of(KEY)
        return response

    def frame(self):
        """The next frame, as a server must send it."""
        first, second = self.read(2)
        assert first & 0x80, "the server sends whole messages"
        assert not first & 0x30, "RSV2 and RSV3 are never set"
        assert not second & 0x80, "a server does not mask"
        opcode, size = first & 0x0F, second
        assert opcode in (TEXT, BINARY, CLOSE, PING, PONG), opcode
        if size == 126:
            size = int.from_bytes(self.read(2), "big")
            assert size > 125, "the length is minimal"
        elif size == 127:
            size = int.from_bytes(self.read(8), "big")
            assert size > 65535, "the length is minimal"
        assert opcode < 8 or size <= 125, "a control frame is short"
        return Frame(opcode, self.read(size), bool(first & 0x40))

    def text(self):
        """The next message, which must be text."""
        got = self.frame()
        assert got.opcode == TEXT, got
        return got.payload.decode()

    def binary(self):
        got = self.frame()
        assert got.opcode == BINARY, got
        return got.payload

    def say(self, text):
        self.send(frame(TEXT, text))

    def say_binary(self, data):
        self.send(frame(BINARY, data))

    def closing(self):
        """The server's close frame, the next frame; then the server ends the TCP connection. Its code, None if empty."""
        got = self.frame()
        assert got.opcode == CLOSE, got
        assert len(got.payload) != 1
        got.payload[2:].decode()
        rest = self.read_to_end()
        assert rest == b"", f"behind the close: {rest[:50]!r}"
        return got.code

    def gone(self):
        """Reads on until the connection ends, in whatever way, and answers a close; the frames on the way."""
        seen = []
        try:
            while True:
                seen.append(self.frame())
                if seen[-1].opcode == CLOSE:
                    self.send_cut(frame(CLOSE, seen[-1].payload[:2]), 100)
        except Closed:
            return seen
