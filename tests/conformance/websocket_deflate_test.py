"""WebSocket: permessage-deflate (RFC 7692), against a server that was started with --deflate on."""

import atexit
import unittest
import zlib

from cases import table, tabled
from server import Conformance
from websocket import BINARY, CLOSE, CONTINUATION, KEY, PING, PONG, TEXT, WebSocket, accept_of, frame

RSV1 = 4
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
ANSWER = {"permessage-deflate", "server_no_context_takeover", "client_no_context_takeover"}
HELLO = bytes.fromhex("f248cdc9c90700")


class Deflating(WebSocket):
    """Opens with an offer; reads frames with RSV1."""

    _server = None

    def __init__(self, *offers):
        if Deflating._server is None:
            Deflating._server = Conformance("--deflate", "on")
            atexit.register(Deflating._server.stop)
        super().__init__(headers=offers or (OFFER,), address=Deflating._server.address)

    @property
    def extension(self):
        value = self.upgrade.header("Sec-WebSocket-Extensions")
        return None if value is None else {part.strip() for part in value.split(";")}


def deflated(data, level=9):
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(payload):
    return zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")


TAKEN = [
    ("a_bare_offer", ["permessage-deflate"], ANSWER),
    ("what_browsers_offer", ["permessage-deflate; client_max_window_bits"], ANSWER),
    ("all_parameters", ["permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                        "server_max_window_bits=15; client_max_window_bits=10"], ANSWER | {"server_max_window_bits=15"}),
    ("the_second_offer", ["permessage-deflate; server_max_window_bits=8, permessage-deflate"], ANSWER),
    ("an_offer_on_a_second_line", ["x-nothing", "permessage-deflate"], ANSWER),
    ("a_smaller_window_of_ours", ["permessage-deflate; server_max_window_bits=9"], None),
    ("an_offer_without_spaces", ["permessage-deflate;client_max_window_bits"], ANSWER),
    ("an_offer_behind_another_extension", ["x-webkit-deflate-frame, permessage-deflate"], ANSWER),
    ("an_offer_behind_a_bad_one", ["permessage-deflate; surprise, permessage-deflate"], ANSWER),
    ("a_quoted_value", ['permessage-deflate; server_max_window_bits="15"'], ANSWER | {"server_max_window_bits=15"}),
    ("an_unknown_parameter", ["permessage-deflate; surprise"], None),
    ("a_value_where_none_belongs", ["permessage-deflate; server_no_context_takeover=1"], None),
    ("a_window_of_ours_without_a_value", ["permessage-deflate; server_max_window_bits"], None),
    ("a_window_of_7", ["permessage-deflate; client_max_window_bits=7"], None),
    ("a_window_of_ours_of_16", ["permessage-deflate; server_max_window_bits=16"], None),
    ("a_window_of_010", ["permessage-deflate; client_max_window_bits=010"], None),
    ("a_window_of_letters", ["permessage-deflate; client_max_window_bits=x"], None),
    ("another_extension", ["permessage-bzip2"], None),
    ("a_repeated_parameter", ["permessage-deflate; client_max_window_bits; client_max_window_bits"], None),
    ("a_window_of_16", ["permessage-deflate; client_max_window_bits=16"], None),
]

EXAMPLES = [
    ("one_block", HELLO),
    ("a_stored_block", bytes.fromhex("000500faff48656c6c6f00")),
    ("a_last_block", bytes.fromhex("f348cdc9c9070000")),
    ("two_blocks", bytes.fromhex("f24805000000ffffcac9c90700")),
]

SAMPLES = [
    ("an_empty_message", b""),
    ("one_byte", b"a"),
    ("a_word", "κόσμε".encode()),
    ("repeated_text", b"all work and no play " * 500),
    ("a_megabyte_of_zeros", bytes(1 << 20)),
    ("every_byte", bytes(range(256)) * 64),
    ("fifteen_megabytes", bytes(range(256)) * (15 << 12)),
]

FAULTS = [
    ("rsv1_on_a_close", frame(CLOSE, (1000).to_bytes(2, "big"), reserved=RSV1), 1002),
    ("rsv1_on_a_continuation", frame(TEXT, HELLO[:3], final=False, reserved=RSV1) +
     frame(CONTINUATION, HELLO[3:], reserved=RSV1), 1002),
    ("rsv1_on_a_ping", frame(PING, b"", reserved=RSV1), 1002),
    ("rsv2", frame(TEXT, HELLO, reserved=RSV1 | 2), 1002),
    ("data_that_is_not_deflate", frame(TEXT, b"\xff\xff\xff", reserved=RSV1), 1007),
    ("a_reference_into_the_message_before", frame(TEXT, bytes.fromhex("f200110000"), reserved=RSV1), 1007),
    ("text_that_is_not_utf8", frame(TEXT, deflated(b"\xff"), reserved=RSV1), 1007),
]


@tabled
class Negotiation(unittest.TestCase):
    @table([(name, offers, answer) for name, offers, answer in TAKEN])
    def answered(self, offers, answer):
        with Deflating(*[f"Sec-WebSocket-Extensions: {offer}" for offer in offers]) as socket:
            self.assertEqual(socket.extension, answer)
            self.assertEqual(socket.upgrade.header("Sec-WebSocket-Accept"), accept_of(KEY))


@tabled
class Messages(unittest.TestCase):
    @table([(f"example_of_{name}", payload) for name, payload in EXAMPLES])
    def read(self, payload):
        with Deflating() as socket:
            for size in (len(payload), 1):
                socket.send_cut(frame(TEXT, payload, reserved=RSV1), size)
                self.assertEqual(socket.frame().payload, b"Hello")

    @table([(f"{name}_comes_back", sample) for name, sample in SAMPLES])
    def echo(self, sample):
        with Deflating() as socket:
            for level in (0, 1, 9):
                socket.send(frame(BINARY, deflated(sample, level), reserved=RSV1))
                answer = socket.frame()
                self.assertTrue((inflated(answer.payload) if answer.compressed else answer.payload) == sample)

    @table([(f"{name}_comes_back_in_fragments", sample) for name, sample in SAMPLES[1:4]])
    def fragmented(self, sample):
        payload = deflated(sample)
        with Deflating() as socket:
            for size in (1, 2, 7):
                pieces = [payload[at:at + size] for at in range(0, len(payload), size)]
                socket.send(b"".join(frame(BINARY if at == 0 else CONTINUATION, piece, final=at == len(pieces) - 1,
                                           reserved=RSV1 if at == 0 else 0) for at, piece in enumerate(pieces)))
                answer = socket.frame()
                self.assertEqual(inflated(answer.payload) if answer.compressed else answer.payload, sample)

    def test_plain_messages_may_come_between_compressed_ones(self):
        with Deflating() as socket:
            for text in (b"one", b"two", b"three"):
                socket.send(frame(TEXT, text) + frame(TEXT, deflated(text), reserved=RSV1))
                self.assertEqual([socket.frame().payload for _ in range(2)], [text, text])

    def test_text_may_be_cut_inside_a_character_of_what_was_compressed(self):
        text = "κόσμε 😀 ".encode() * 20
        payload = deflated(text)
        with Deflating() as socket:
            for at in range(1, len(payload)):
                socket.send(frame(TEXT, payload[:at], final=False, reserved=RSV1) + frame(CONTINUATION, payload[at:]))
                answer = socket.frame()
                self.assertEqual(inflated(answer.payload) if answer.compressed else answer.payload, text)

    def test_a_reserved_bit_without_an_offer_is_1002(self):
        with Deflating("X-Nothing: offered") as socket:
            self.assertIsNone(socket.extension)
            socket.send(frame(TEXT, HELLO, reserved=RSV1))
            self.assertEqual(socket.closing(), 1002)

    def test_a_message_that_inflates_to_one_byte_over_the_limit_is_1009(self):
        with Deflating() as socket:
            socket.send(frame(BINARY, deflated(bytes((16 << 20) + 1)), reserved=RSV1))
            self.assertEqual(socket.closing(), 1009)

    def test_a_long_message_comes_back_compressed(self):
        text = b"the same words again and again, " * 500
        with Deflating() as socket:
            for sent in (frame(TEXT, deflated(text), reserved=RSV1), frame(TEXT, text)):
                socket.send(sent)
                answer = socket.frame()
                self.assertTrue(answer.compressed)
                self.assertLess(len(answer.payload), len(text) // 10)
                self.assertEqual(inflated(answer.payload), text)

    def test_a_compressed_message_may_be_fragmented_with_a_ping_between(self):
        payload = deflated(b"fragments " * 5)
        with Deflating() as socket:
            socket.send(frame(BINARY, payload[:4], final=False, reserved=RSV1) + frame(PING, b"?") +
                        frame(CONTINUATION, payload[4:]))
            self.assertEqual(socket.frame().opcode, PONG)
            self.assertEqual(socket.frame().payload, b"fragments " * 5)

    def test_a_bomb_is_closed_with_1009(self):
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
        payload = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(1024)) + compressor.flush(zlib.Z_SYNC_FLUSH)
        self.assertLess(len(payload), 1_100_000)
        with Deflating() as socket:
            socket.send(frame(BINARY, payload[:-4], reserved=RSV1))
            answer = socket.frame()
            self.assertEqual((answer.opcode, answer.code), (CLOSE, 1009))

    @table([(f"{name}_is_a_fault", sent, code) for name, sent, code in FAULTS])
    def fault(self, sent, code):
        with Deflating() as socket:
            socket.send(sent)
            answer = socket.frame()
            self.assertEqual((answer.opcode, answer.code), (CLOSE, code))


if __name__ == "__main__":
    unittest.main()
