"""WebSocket: frames, fragments, control frames and the close (RFC 6455 sections 5 and 7), over /echo."""

import unittest

from cases import table, tabled
from websocket import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, WebSocket, close_payload, fragments, frame)

MIB = 1 << 20
LIMIT = 16 * MIB
PATTERN = bytes(range(256)) * (MIB // 256)

SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 131072, MIB]

DATA = [TEXT, BINARY]
NAMES = {CONTINUATION: "a_continuation", TEXT: "text", BINARY: "binary", CLOSE: "a_close", PING: "a_ping", PONG: "a_pong"}

# What breaks the protocol: name, bytes, close code.
FAULTS = [
    *((f"{NAMES[opcode]}_without_a_mask", frame(opcode, b"", mask=None), 1002) for opcode in (TEXT, BINARY, CLOSE, PING, PONG)),
    *((f"{NAMES[opcode]}_with_reserved_bits_{bits:03b}", frame(opcode, b"x", reserved=bits), 1002)
      for opcode in (TEXT, BINARY, PING) for bits in (0b100, 0b010, 0b001, 0b111)),
    ("a_continuation_with_a_reserved_bit", frame(TEXT, "a", final=False) + frame(CONTINUATION, "b", reserved=0b100), 1002),
    ("a_close_with_a_reserved_bit", frame(CLOSE, close_payload(1000), reserved=0b100), 1002),
    *((f"opcode_{opcode}", frame(opcode, b""), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("opcode_3_with_a_payload", frame(3, b"x" * 200), 1002),
    ("opcode_11_inside_a_message", frame(TEXT, "a", final=False) + frame(11), 1002),
    # Control frames
    ("a_fragmented_ping", frame(PING, b"a", final=False) + frame(CONTINUATION, b"b"), 1002),
    ("a_fragmented_pong", frame(PONG, b"a", final=False), 1002),
    ("a_fragmented_close", frame(CLOSE, close_payload(1000), final=False), 1002),
    ("a_ping_of_126_bytes", frame(PING, b"x" * 126), 1002),
    ("a_ping_of_70000_bytes", frame(PING, length=70000), 1002),
    ("a_pong_of_126_bytes", frame(PONG, b"x" * 126), 1002),
    ("a_close_of_126_bytes", frame(CLOSE, close_payload(1000, b"x" * 124)), 1002),
    # Fragments
    ("a_continuation_of_nothing", frame(CONTINUATION, b"a"), 1002),
    ("an_open_continuation_of_nothing", frame(CONTINUATION, b"a", final=False), 1002),
    ("a_continuation_behind_a_whole_message", frame(PONG) + frame(CONTINUATION, b"b"), 1002),
    ("text_inside_text", frame(TEXT, "a", final=False) + frame(TEXT, "b"), 1002),
    ("binary_inside_text", frame(TEXT, "a", final=False) + frame(BINARY, b"b"), 1002),
    ("text_inside_binary", frame(BINARY, b"a", final=False) + frame(TEXT, "b", final=False), 1002),
    # Lengths that lie
    ("a_length_of_5_in_two_bytes", frame(TEXT, "hello", length_bytes=2), 1002),
    ("a_length_of_125_in_two_bytes", frame(TEXT, "x" * 125, length_bytes=2), 1002),
    ("a_length_of_0_in_eight_bytes", frame(TEXT, "", length_bytes=8), 1002),
    ("a_length_of_65535_in_eight_bytes", frame(BINARY, b"x" * 65535, length_bytes=8), 1002),
    ("a_ping_with_its_length_in_two_bytes", frame(PING, b"x", length_bytes=2), 1002),
    ("a_length_of_2_to_the_63", frame(TEXT, length=1 << 63), 1002),
    ("a_length_of_64_ones", frame(TEXT, length=(1 << 64) - 1), 1002),
    ("a_length_of_2_to_the_63_less_1", frame(TEXT, length=(1 << 63) - 1), 1009),
    ("a_length_of_one_over_the_limit", frame(BINARY, length=LIMIT + 1), 1009),
    ("fragments_over_the_limit_together", frame(BINARY, b"x", final=False) + frame(CONTINUATION, length=LIMIT), 1009),
    ("fragments_that_would_wrap_64_bits", frame(BINARY, b"x", final=False) + frame(CONTINUATION, length=(1 << 63) - 1), 1009),
    # Close
    ("a_close_of_one_byte", frame(CLOSE, b"\x03"), 1002),
    *((f"close_code_{code}", frame(CLOSE, close_payload(code)), 1002)
      for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)),
    ("close_code_1005_with_a_reason", frame(CLOSE, close_payload(1005, "no")), 1002),
    ("a_close_reason_that_is_not_utf_8", frame(CLOSE, close_payload(1000, b"\xce\xba\xff")), 1007),
    ("a_close_reason_that_ends_in_a_character", frame(CLOSE, close_payload(1000, b"\xe2\x82")), 1007),
]

CLOSES = [
    ("an_empty_close", b"", (None, 1000)),
    *((f"close_code_{code}", close_payload(code), (code,))
      for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)),
    ("a_close_with_a_reason", close_payload(1000, "bye"), (1000,)),
    ("a_close_with_a_reason_of_123_bytes", close_payload(1000, "x" * 123), (1000,)),
    ("a_close_with_a_reason_in_utf_8", close_payload(1001, "tschüß κόσμε 😀"), (1001,)),
]

CUTS = [1, 2, 3, 7, 125, 1000]


@tabled
class Messages(unittest.TestCase):
    @table([(f"{NAMES[opcode]}_of_{size}_bytes", opcode, size) for opcode in DATA for size in SIZES])
    def echo(self, opcode, size):
        payload = b"*" * size if opcode == TEXT else PATTERN[:size]
        with WebSocket() as socket:
            socket.send(frame(opcode, payload))
            self.assertTrue(socket.frame() == Frame(opcode, payload))

    @table([(f"a_message_in_pieces_of_{size}_bytes_of_tcp", size) for size in CUTS])
    def cut(self, size):
        sent = frame(TEXT, "κόσμε " * 50) + frame(PING, b"p") + fragments(BINARY, [b"a" * 200, b"", b"b"])
        with WebSocket() as socket:
            socket.send_cut(sent, size)
            self.assertEqual(socket.frame(), Frame(TEXT, ("κόσμε " * 50).encode()))
            self.assertEqual(socket.frame(), Frame(PONG, b"p"))
            self.assertEqual(socket.frame(), Frame(BINARY, b"a" * 200 + b"b"))

    def test_any_mask_is_taken(self):
        with WebSocket() as socket:
            for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\2\3\4", b"\0\0\0\1"):
                socket.send(frame(TEXT, "hello, masks", mask=mask))
                self.assertEqual(socket.text(), "hello, masks")

    def test_a_thousand_messages_in_one_segment_come_back_in_order(self):
        texts = [f"message {i}" for i in range(1000)]
        with WebSocket() as socket:
            socket.send(b"".join(frame(TEXT, text) for text in texts))
            self.assertEqual([socket.text() for _ in texts], texts)

    def test_a_message_of_16_mib_in_one_frame(self):
        payload = PATTERN * 16
        with WebSocket() as socket:
            socket.say_binary(payload)
            self.assertTrue(socket.binary() == payload)

    def test_a_text_of_16_mib_in_one_frame(self):
        text = "κόσμε" * (LIMIT // 10)
        with WebSocket() as socket:
            socket.say(text)
            self.assertTrue(socket.text() == text)

    @table([(f"a_message_of_16_mib_in_frames_of_{size}_bytes", size) for size in (1024, 65536, MIB, 4 * MIB)])
    def large_fragments(self, size):
        payload = PATTERN * 16
        with WebSocket() as socket:
            socket.send(fragments(BINARY, [payload[at:at + size] for at in range(0, LIMIT, size)]))
            self.assertTrue(socket.binary() == payload)

    def test_a_message_in_frames_of_one_byte(self):
        payload = PATTERN[:65536]
        with WebSocket() as socket:
            socket.send(fragments(BINARY, [payload[at:at + 1] for at in range(len(payload))]))
            self.assertTrue(socket.binary() == payload)

    def test_messages_over_the_outbox_come_back_to_a_client_that_reads_late(self):
        payload = PATTERN * 8
        with WebSocket() as socket, WebSocket() as other:
            socket.socket.settimeout(0.5)
            sent = frame(BINARY, payload) * 8  # 64 MiB: more than may wait
            at = 0
            try:
                while at < len(sent):
                    at += socket.socket.send(sent[at:at + MIB])
                self.fail("the server takes any amount that is not read")
            except TimeoutError:
                pass
            other.say("meanwhile")
            self.assertEqual(other.text(), "meanwhile")
            socket.socket.settimeout(10)
            # What has been taken whole comes back whole.
            for _ in range(at // len(frame(BINARY, payload)) - 1):
                self.assertTrue(socket.binary() == payload)


@tabled
class Fragments(unittest.TestCase):
    @table([(f"{NAMES[opcode]}_in_{count}_frames", opcode, count) for opcode in DATA for count in (2, 3, 10, 100)])
    def pieces(self, opcode, count):
        pieces = [b"piece %d," % i for i in range(count)]
        with WebSocket() as socket:
            socket.send(fragments(opcode, pieces))
            self.assertEqual(socket.frame(), Frame(opcode, b"".join(pieces)))

    def test_empty_frames_may_be_anywhere_in_a_message(self):
        with WebSocket() as socket:
            for pieces in ([b"", b""], [b"", b"a"], [b"a", b""], [b"", b"", b"a", b"", b"b", b""]):
                socket.send(fragments(TEXT, pieces))
                self.assertEqual(socket.text().encode(), b"".join(pieces))

    def test_a_ping_inside_a_message_is_answered_before_it_ends(self):
        with WebSocket() as socket:
            socket.send(frame(TEXT, "a", final=False) + frame(PING, b"inside"))
            self.assertEqual(socket.frame(), Frame(PONG, b"inside"))
            socket.send(frame(CONTINUATION, "b", final=False) + frame(PONG, b"unasked") + frame(PING, b""))
            self.assertEqual(socket.frame(), Frame(PONG, b""))
            socket.send(frame(CONTINUATION, "c"))
            self.assertEqual(socket.text(), "abc")

    def test_a_close_inside_a_message_is_answered(self):
        with WebSocket() as socket:
            socket.send(frame(TEXT, "a", final=False) + frame(CLOSE, close_payload(1000)))
            self.assertEqual(socket.closing(), 1000)

    def test_a_message_behind_a_fragmented_one_is_its_own(self):
        with WebSocket() as socket:
            socket.send(fragments(TEXT, [b"a", b"b"]) + frame(BINARY, b"c") + fragments(BINARY, [b"d", b"e"]))
            self.assertEqual([socket.frame() for _ in range(3)],
                             [Frame(TEXT, b"ab"), Frame(BINARY, b"c"), Frame(BINARY, b"de")])


@tabled
class Control(unittest.TestCase):
    @table([(f"a_ping_of_{len(payload)}_bytes_is_answered_with_them", payload)
            for payload in (b"", b"hello", b"\x00\xff\xfe\xfd", PATTERN[:125])])
    def ping(self, payload):
        with WebSocket() as socket:
            socket.send(frame(PING, payload))
            self.assertEqual(socket.frame(), Frame(PONG, payload))

    def test_a_ping_cut_at_every_byte_is_answered(self):
        sent = frame(PING, PATTERN[:125])
        with WebSocket() as socket:
            for at in range(1, len(sent)):
                socket.send(sent[:at])
                socket.send(sent[at:])
                self.assertEqual(socket.frame(), Frame(PONG, PATTERN[:125]))

    def test_pings_are_answered_in_order(self):
        with WebSocket() as socket:
            socket.send(b"".join(frame(PING, b"%d" % i) for i in range(100)))
            self.assertEqual([socket.frame() for _ in range(100)], [Frame(PONG, b"%d" % i) for i in range(100)])

    def test_a_pong_that_was_not_asked_for_is_ignored(self):
        with WebSocket() as socket:
            socket.send(frame(PONG, b"unasked") + frame(PONG) + frame(TEXT, "next"))
            self.assertEqual(socket.text(), "next")


@tabled
class Faults(unittest.TestCase):
    @table([(f"{name}_is_{code}", sent, code) for name, sent, code in FAULTS])
    def fault(self, sent, code):
        for size in (len(sent), 1):
            with WebSocket() as socket:
                socket.send(frame(TEXT, "before"))
                self.assertEqual(socket.text(), "before")
                socket.send_cut(sent, max(size, 1))
                self.assertEqual(socket.closing(), code)

    def test_nothing_behind_a_fault_is_read(self):
        with WebSocket() as socket:
            socket.send(frame(TEXT, "one") + frame(3) + frame(TEXT, "two") + frame(PING, b"three"))
            self.assertEqual(socket.text(), "one")
            self.assertEqual(socket.closing(), 1002)

    def test_a_message_that_is_under_way_is_lost_with_a_fault(self):
        with WebSocket() as socket:
            socket.send(frame(TEXT, "half", final=False) + frame(CONTINUATION, b"x", mask=None))
            self.assertEqual(socket.closing(), 1002)


@tabled
class Closes(unittest.TestCase):
    @table([(f"{name}_is_answered_in_kind", payload, codes) for name, payload, codes in CLOSES])
    def close(self, payload, codes):
        with WebSocket() as socket:
            socket.send(frame(CLOSE, payload))
            self.assertIn(socket.closing(), codes)

    def test_what_was_asked_before_a_close_is_answered_before_it(self):
        with WebSocket() as socket:
            socket.send(frame(TEXT, "last words") + frame(PING, b"p") + frame(CLOSE, close_payload(1000)))
            self.assertEqual(socket.text(), "last words")
            self.assertEqual(socket.frame(), Frame(PONG, b"p"))
            self.assertEqual(socket.closing(), 1000)

    def test_nothing_behind_a_close_is_answered(self):
        with WebSocket() as socket:
            socket.send(frame(CLOSE, close_payload(1000)) + frame(PING, b"p") + frame(TEXT, "t") +
                        frame(CLOSE, close_payload(1001)))
            self.assertEqual(socket.closing(), 1000)

    def test_a_large_message_before_a_close_comes_back_whole(self):
        with WebSocket() as socket:
            socket.send(frame(BINARY, PATTERN * 4) + frame(CLOSE, close_payload(1000)))
            self.assertTrue(socket.binary() == PATTERN * 4)
            self.assertEqual(socket.closing(), 1000)

    def test_a_client_that_ends_without_a_close_disturbs_nobody(self):
        with WebSocket() as other:
            for end in (WebSocket.abort, WebSocket.close, WebSocket.finish):
                socket = WebSocket()
                socket.send(frame(TEXT, "half", final=False))
                end(socket)
                other.say("still here")
                self.assertEqual(other.text(), "still here")
                socket.close()


if __name__ == "__main__":
    unittest.main()
