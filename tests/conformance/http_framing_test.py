"""HTTP/1.1: where a body ends (RFC 9112 sections 6 and 7), and the shapes by which two readers can be made to disagree."""

import unittest

from cases import table, tabled
from wire import Wire, http, lines

BODY_BYTES = 16 << 20
SMUGGLED = http("GET /smuggled HTTP/1.1")
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def post(*headers, body=b""):
    return lines("POST / HTTP/1.1", "Host: a", *headers, "") + body


def length(value, body=b"hello"):
    return post(f"Content-Length:{value}", body=body)


def chunked(body):
    return post("Transfer-Encoding: chunked", body=body)


def coded(value, body=CHUNKS):
    return post(f"Transfer-Encoding:{value}", body=body)


# name, request, body of the echo
TAKEN = [
    ("a_body_of_content_length", length(" 5"), b"hello"),
    ("a_content_length_of_zero", length(" 0", b""), b""),
    ("a_content_length_with_leading_zeros", length(" 005"), b"hello"),
    ("a_post_without_a_length", post(), b""),
    ("a_body_that_looks_like_a_request", length(f" {len(SMUGGLED)}", SMUGGLED), SMUGGLED),
    ("a_body_of_every_byte", length(" 256", bytes(range(256))), bytes(range(256))),
    ("a_chunked_body", chunked(CHUNKS), b"hello"),
    ("an_empty_chunked_body", chunked(b"0\r\n\r\n"), b""),
    ("several_chunks", chunked(b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"), b"abcdef"),
    ("a_chunk_size_in_lower_case", chunked(b"a\r\n0123456789\r\n0\r\n\r\n"), b"0123456789"),
    ("a_chunk_size_in_upper_case", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), b"0123456789"),
    ("a_chunk_size_with_leading_zeros", chunked(b"0005\r\nhello\r\n0\r\n\r\n"), b"hello"),
    ("a_last_chunk_of_many_zeros", chunked(b"5\r\nhello\r\n00000\r\n\r\n"), b"hello"),
    ("a_chunk_extension", chunked(b"5;a=b\r\nhello\r\n0;c\r\n\r\n"), b"hello"),
    ("a_quoted_chunk_extension", chunked(b'5;a="b;c,d"\r\nhello\r\n0\r\n\r\n'), b"hello"),
    ("trailers", chunked(b"5\r\nhello\r\n0\r\nX: y\r\nContent-Length: 99\r\nHost: b\r\n\r\n"), b"hello"),
    ("chunk_data_that_looks_like_the_end", chunked(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"), b"0\r\n\r\n"),
    ("chunked_in_any_case", coded(" ChUnKeD"), b"hello"),
    ("chunked_behind_a_tab", coded("\tchunked"), b"hello"),
    ("transfer_underscore_encoding_as_any_header", post("Content-Length: 5", "Transfer_Encoding: chunked", body=b"hello"), b"hello"),
    ("te_as_any_header", post("Content-Length: 5", "TE: chunked", body=b"hello"), b"hello"),
    ("content_encoding_as_any_header", post("Content-Length: 5", "Content-Encoding: chunked", body=b"hello"), b"hello"),
]

REFUSED = [
    # Content-Length
    ("two_equal_content_lengths", post("Content-Length: 5", "Content-Length: 5", body=b"hello"), 400),
    ("two_different_content_lengths", post("Content-Length: 5", "Content-Length: 0", body=b"hello"), 400),
    ("a_list_of_equal_content_lengths", length(" 5, 5"), 400),
    ("a_list_of_different_content_lengths", length(" 5,0"), 400),
    ("a_content_length_with_a_plus", length(" +5"), 400),
    ("a_negative_content_length", length(" -5"), 400),
    ("a_content_length_in_hex", length(" 0x5"), 400),
    ("a_content_length_with_a_point", length(" 5.0"), 400),
    ("a_content_length_with_an_exponent", length(" 5e0"), 400),
    ("a_content_length_of_two_numbers", length(" 5 5"), 400),
    ("a_content_length_with_a_parameter", length(" 5;a"), 400),
    ("a_quoted_content_length", length(' "5"'), 400),
    ("an_empty_content_length", length("", b""), 400),
    ("a_blank_content_length", length("  \t", b""), 400),
    ("a_content_length_behind_a_vertical_tab", length("\x0b5"), 400),
    ("a_content_length_that_wraps_64_bits", length(" 18446744073709551621"), 413),
    ("a_content_length_of_a_thousand_digits", length(" " + "9" * 1000), 413),
    ("a_content_length_over_the_limit", length(f" {BODY_BYTES + 1}", b""), 413),
    # Both, or neither clearly
    ("content_length_before_transfer_encoding", post("Content-Length: 5", "Transfer-Encoding: chunked", body=CHUNKS), 400),
    ("transfer_encoding_before_content_length", post("Transfer-Encoding: chunked", "Content-Length: 5", body=CHUNKS), 400),
    ("content_length_of_zero_with_transfer_encoding", post("Content-Length: 0", "Transfer-Encoding: chunked", body=CHUNKS), 400),
    ("content_length_with_an_unknown_coding", post("Content-Length: 5", "Transfer-Encoding: x", body=b"hello"), 400),
    ("a_space_before_the_colon_of_transfer_encoding", post("Transfer-Encoding : chunked", body=CHUNKS), 400),
    ("a_space_before_the_colon_of_content_length", post("Content-Length : 5", body=b"hello"), 400),
    ("a_folded_transfer_encoding", post("Transfer-Encoding:", " chunked", body=CHUNKS), 400),
    ("a_folded_content_length", post("Content-Length:", " 5", body=b"hello"), 400),
    ("a_transfer_encoding_behind_a_bare_cr", post("X: y\rTransfer-Encoding: chunked", body=CHUNKS), 400),
    ("a_transfer_encoding_behind_a_bare_lf", post("X: y\nTransfer-Encoding: chunked", body=CHUNKS), 400),
    ("a_content_length_behind_a_nul", post("X: y\0Content-Length: 5", body=b"hello"), 400),
    # Transfer-Encoding
    ("chunked_twice", coded(" chunked, chunked"), 400),
    ("two_transfer_encodings", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKS), 400),
    ("chunked_and_then_identity", post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=CHUNKS), 400),
    ("chunked_that_is_not_the_last", coded(" chunked, gzip"), 400),
    ("gzip_under_chunked", coded(" gzip, chunked"), 501),
    ("an_unknown_coding", coded(" cow"), 501),
    ("identity", coded(" identity"), 501),
    ("a_coding_that_only_ends_in_chunked", coded(" xchunked"), 501),
    ("chunked_with_a_parameter", coded(" chunked;a=b"), 400),
    ("a_quoted_chunked", coded(' "chunked"'), 400),
    ("chunked_behind_a_vertical_tab", coded("\x0bchunked"), 400),
    ("chunked_with_a_comma_behind", coded(" chunked,"), 400),
    ("an_empty_transfer_encoding", coded(""), 400),
    ("http_1_0_with_transfer_encoding", lines("POST / HTTP/1.0", "Transfer-Encoding: chunked", "") + CHUNKS, 400),
    ("a_websocket_request_with_a_body", lines("GET /echo HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Content-Length: 5", "") + b"hello", 400),
    # Chunks
    ("a_chunk_size_that_is_missing", chunked(b"\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_chunk_size_that_is_no_number", chunked(b"g\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_chunk_size_with_0x", chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_negative_chunk_size", chunked(b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_chunk_size_with_a_plus", chunked(b"+5\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_space_before_a_chunk_size", chunked(b" 5\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_space_behind_a_chunk_size", chunked(b"5 \r\nhello\r\n0\r\n\r\n"), 400),
    ("a_chunk_size_with_an_underscore", chunked(b"1_0\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_chunk_size_of_seventeen_digits", chunked(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_chunk_size_that_wraps_64_bits", chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_chunk_size_of_64_ones", chunked(b"FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"), 413),
    ("a_chunk_over_the_limit", chunked(b"%x\r\n" % (BODY_BYTES + 1)), 413),
    ("chunks_over_the_limit_together", chunked(b"5\r\nhello\r\n%x\r\n" % (BODY_BYTES - 4)), 413),
    ("a_bare_lf_behind_a_chunk_size", chunked(b"5\nhello\r\n0\r\n\r\n"), 400),
    ("a_bare_cr_in_a_chunk_line", chunked(b"5\rx\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_bare_lf_in_a_chunk_extension", chunked(b"5;a\nhello\r\n0\r\n\r\n"), 400),
    ("a_bare_cr_in_a_chunk_extension", chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), 400),
    ("a_bare_lf_behind_chunk_data", chunked(b"5\r\nhello\n0\r\n\r\n"), 400),
    ("a_chunk_longer_than_its_size", chunked(b"5\r\nhelloo\r\n0\r\n\r\n"), 400),
    ("a_chunk_shorter_than_its_size", chunked(b"6\r\nhello\r\n0\r\n\r\n"), 400),
    ("two_bytes_instead_of_a_line_end_behind_a_chunk", chunked(b"5\r\nhelloXX0\r\n\r\n"), 400),
    ("a_chunk_line_without_end", chunked(b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n"), 400),
    ("extensions_without_end", chunked((b"1;" + b"a" * 200 + b"\r\nx\r\n") * 30 + b"0\r\n\r\n"), 400),
    ("a_trailer_without_a_colon", chunked(b"5\r\nhello\r\n0\r\nnothing\r\n\r\n"), 400),
    ("a_folded_trailer", chunked(b"5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n"), 400),
    ("a_trailer_with_a_bare_lf", chunked(b"5\r\nhello\r\n0\r\nX: a\n\r\n"), 400),
    ("a_control_byte_in_a_trailer", chunked(b"5\r\nhello\r\n0\r\nX: \1\r\n\r\n"), 400),
    ("trailers_without_end", chunked(b"5\r\nhello\r\n0\r\n" + b"X: yyyyyyyyyyyyyyyyyyyy\r\n" * 250 + b"\r\n"), 431),
]

# A body that does not come whole before the client's FIN is no request.
UNFINISHED = [
    ("half_of_a_content_length", length(" 10")),
    ("a_chunk_that_is_cut_short", chunked(b"5\r\nhel")),
    ("chunks_without_the_last", chunked(b"5\r\nhello\r\n")),
    ("a_last_chunk_without_its_empty_line", chunked(b"5\r\nhello\r\n0\r\n")),
    ("half_of_a_head", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"),
]


@tabled
class Framing(unittest.TestCase):
    @table([(f"{name}_is_taken", request, body) for name, request, body in TAKEN])
    def taken(self, request, body):
        for size in (len(request) + len(SMUGGLED), 1):
            with Wire() as wire:
                wire.send_cut(request + SMUGGLED, size)
                response = wire.response()
                self.assertEqual((response.status, response.body), (200, body))
                # What stands behind it is the next request, from its first byte on.
                self.assertEqual(wire.response().status, 404)

    @table([(f"{name}_is_refused", request, status) for name, request, status in REFUSED])
    def refused(self, request, status):
        for size in (len(request) + len(SMUGGLED), 1):
            with Wire() as wire:
                wire.send_cut(request + SMUGGLED, size)
                response = wire.response()
                self.assertEqual(response.status, status)
                self.assertEqual(response.header("Connection"), "close")
                self.assertEqual(wire.read_to_end(), b"", "nothing behind it is answered")

    @table([(f"{name}_is_not_answered_as_a_request", request) for name, request in UNFINISHED])
    def unfinished(self, request):
        with Wire() as wire:
            wire.send(request)
            wire.finish()
            rest = wire.read_to_end()
            self.assertTrue(rest == b"" or rest.startswith(b"HTTP/1.1 4"), rest)

    def test_a_body_of_the_limit_comes_back(self):
        body = bytes(range(256)) * (BODY_BYTES // 256)
        with Wire() as wire:
            wire.send(http("PUT / HTTP/1.1", body=body))
            self.assertTrue(wire.response().body == body)

    def test_a_chunked_body_of_the_limit_comes_back(self):
        chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
        with Wire() as wire:
            wire.send(chunked(chunk * (BODY_BYTES // 65536) + b"0\r\n\r\n"))
            self.assertTrue(wire.response().body == b"x" * BODY_BYTES)


if __name__ == "__main__":
    unittest.main()
