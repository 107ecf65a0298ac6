"""WebSocket: text is UTF-8 (RFC 6455 section 8.1, RFC 3629), wherever frames and segments cut it, and what can no longer
become UTF-8 is refused at once."""

import unittest

from cases import table, tabled
from websocket import CONTINUATION, TEXT, WebSocket, fragments, frame

VALID = [
    ("the_greek_word", "κόσμε".encode()),
    ("nul", b"\x00"),
    ("the_last_of_one_byte", b"\x7f"),
    ("the_first_of_two_bytes", b"\xc2\x80"),
    ("the_last_of_two_bytes", b"\xdf\xbf"),
    ("the_first_of_three_bytes", b"\xe0\xa0\x80"),
    ("the_last_before_the_surrogates", b"\xed\x9f\xbf"),
    ("the_first_behind_the_surrogates", b"\xee\x80\x80"),
    ("the_replacement_character", b"\xef\xbf\xbd"),
    ("a_noncharacter", b"\xef\xbf\xbe\xef\xbf\xbf"),
    ("the_first_of_four_bytes", b"\xf0\x90\x80\x80"),
    ("the_last_of_all", b"\xf4\x8f\xbf\xbf"),
    ("a_byte_order_mark", b"\xef\xbb\xbfa"),
    ("a_mixture", "aé€😀z".encode()),
]

# The bytes behind the one at `fatal` cannot mend it.
INVALID = [
    ("a_lone_continuation", b"a\x80b", 1),
    ("a_continuation_too_many", b"\xc2\x80\x80", 2),
    ("two_lead_bytes", b"\xc2\xc2", 1),
    ("byte_c0", b"\xc0\x80", 0),
    ("byte_c1", b"\xc1\xbf", 0),
    ("byte_f5", b"\xf5\x80\x80\x80", 0),
    ("byte_fe", b"\xfe", 0),
    ("byte_ff", b"\xff", 0),
    ("an_overlong_slash_of_three", b"\xe0\x80\xaf", 1),
    ("the_largest_overlong_of_three", b"\xe0\x9f\xbf", 1),
    ("an_overlong_slash_of_four", b"\xf0\x80\x80\xaf", 1),
    ("the_largest_overlong_of_four", b"\xf0\x8f\xbf\xbf", 1),
    ("a_high_surrogate", b"\xed\xa0\x80", 1),
    ("a_low_surrogate", b"\xed\xbf\xbf", 1),
    ("a_surrogate_pair", b"\xed\xa1\x8c\xed\xbe\xb4", 1),
    ("above_10ffff", b"\xf4\x90\x80\x80", 1),
    ("five_bytes", b"\xf8\x88\x80\x80\x80", 0),
    ("six_bytes", b"\xfc\x84\x80\x80\x80\x80", 0),
    ("a_character_cut_by_ascii", b"\xe2\x82a", 2),
    ("a_word_with_an_edited_surrogate", "κόσμε".encode() + b"\xed\xa0\x80" + b"edited", 12),
]

UNFINISHED = [
    ("two_bytes", b"\xc3"),
    ("three_bytes_after_one", b"\xe2"),
    ("three_bytes_after_two", b"\xe2\x82"),
    ("four_bytes_after_three", b"a\xf0\x9f\x98"),
]


@tabled
class Utf8(unittest.TestCase):
    @table([(f"{name}_is_taken_however_it_is_cut", text) for name, text in VALID])
    def valid(self, text):
        with WebSocket() as socket:
            socket.send(frame(TEXT, text))
            self.assertEqual(socket.text().encode(), text)
            for at in range(len(text) + 1):
                socket.send(fragments(TEXT, [text[:at], text[at:]]))
                self.assertEqual(socket.text().encode(), text)
            socket.send(fragments(TEXT, [text[at:at + 1] for at in range(len(text))]))
            self.assertEqual(socket.text().encode(), text)
            socket.send_cut(frame(TEXT, text))
            self.assertEqual(socket.text().encode(), text)

    @table([(f"{name}_is_1007_however_it_is_cut", text) for name, text, _ in INVALID])
    def invalid(self, text):
        cuts = [frame(TEXT, text), *(fragments(TEXT, [text[:at], text[at:]]) for at in range(len(text) + 1))]
        for sent in cuts:
            with WebSocket() as socket:
                socket.send(sent)
                self.assertEqual(socket.closing(), 1007)

    @table([(f"{name}_is_refused_at_its_byte", text, fatal) for name, text, fatal in INVALID])
    def at_once(self, text, fatal):
        for last in (False, True):  # in a frame that is not the last, and in one that has not come whole
            with WebSocket() as socket:
                begun = text[:fatal + 1]
                if last:
                    socket.send(frame(TEXT, begun + b"x" * 50)[:-50])
                else:
                    socket.send(frame(TEXT, begun, final=False))
                self.assertEqual(socket.closing(), 1007)

    @table([(f"a_message_that_ends_inside_a_character_of_{name}_is_1007", text) for name, text in UNFINISHED])
    def unfinished(self, text):
        for sent in (frame(TEXT, text), fragments(TEXT, [text, b""]), fragments(TEXT, [b"a", text])):
            with WebSocket() as socket:
                socket.send(sent)
                self.assertEqual(socket.closing(), 1007)

    def test_the_state_does_not_pass_from_message_to_message(self):
        with WebSocket() as socket:
            socket.send(frame(TEXT, b"\xc3", final=False) + frame(CONTINUATION, b"\xa9"))
            socket.send(frame(TEXT, "next"))
            self.assertEqual([socket.text(), socket.text()], ["é", "next"])


if __name__ == "__main__":
    unittest.main()
