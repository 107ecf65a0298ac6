"""HTTP/1.1: what holds over a connection (RFC 9112 section 9, RFC 9110 sections 9 and 10.1.1): keep-alive, pipelining, HEAD,
100-continue, and input that is cut anywhere."""

import unittest

from cases import table, tabled
from wire import Wire, http, lines

GET = http("GET / HTTP/1.1")

# name, first line, headers, does the connection stay, the Connection header of the answer
PERSISTENCE = [
    ("http_1_1_stays", "GET / HTTP/1.1", ("Host: a",), True, None),
    ("http_1_1_with_keep_alive_stays", "GET / HTTP/1.1", ("Host: a", "Connection: keep-alive"), True, None),
    ("close_is_obeyed", "GET / HTTP/1.1", ("Host: a", "Connection: close"), False, "close"),
    ("close_is_obeyed_in_any_case", "GET / HTTP/1.1", ("Host: a", "Connection: CLOSE"), False, "close"),
    ("close_in_a_list_is_obeyed", "GET / HTTP/1.1", ("Host: a", "Connection: x, close ,y"), False, "close"),
    ("close_in_a_second_header_is_obeyed", "GET / HTTP/1.1", ("Host: a", "Connection: x", "Connection: close"), False, "close"),
    ("close_wins_over_keep_alive", "GET / HTTP/1.1", ("Host: a", "Connection: keep-alive, close"), False, "close"),
    ("a_word_that_begins_with_close_is_another", "GET / HTTP/1.1", ("Host: a", "Connection: closed"), True, None),
    ("http_1_0_closes", "GET / HTTP/1.0", ("Host: a",), False, "close"),
    ("http_1_0_with_keep_alive_stays", "GET / HTTP/1.0", ("Connection: Keep-Alive",), True, "keep-alive"),
    ("http_1_0_with_both_closes", "GET / HTTP/1.0", ("Connection: keep-alive, close",), False, "close"),
]

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]

# Requests that are cut at every byte: name, bytes, the bodies of the answers.
CUT = [
    ("a_get", GET, [b""]),
    ("a_post", http("POST / HTTP/1.1", "X: y", body=b"hello\r\n\r\nworld"), [b"hello\r\n\r\nworld"]),
    ("a_chunked_post", lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "") +
     b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n", [b"hello0123456789"]),
    ("an_absolute_target", lines("PUT http://b:80/?q HTTP/1.1", "Host: a", "Content-Length: 2", "") + b"hi", [b"hi"]),
    ("two_pipelined_requests", http("POST / HTTP/1.1", body=b"one") + lines(
        "POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "") + b"3\r\ntwo\r\n0\r\n\r\n", [b"one", b"two"]),
]


@tabled
class Connections(unittest.TestCase):
    @table(PERSISTENCE)
    def persistence(self, first, headers, stays, said):
        with Wire() as wire:
            wire.send(lines(first, *headers, "") + GET)
            response = wire.response()
            self.assertEqual(response.status, 200)
            self.assertEqual(response.header("Connection"), said)
            if stays:
                self.assertEqual(wire.response().status, 200)
            else:
                self.assertEqual(wire.read_to_end(), b"", "what follows is not answered")

    @table([(f"{method.lower()}_echoes_its_body", method) for method in METHODS])
    def method(self, method):
        with Wire() as wire:
            response = wire.request(method, "/", body=b"body of " + method.encode())
            self.assertEqual((response.status, response.body), (200, b"body of " + method.encode()))
            self.assertEqual(response.header("X-Method"), method)

    @table([(f"{name}_may_be_cut_at_every_byte", request, bodies) for name, request, bodies in CUT])
    def cut(self, request, bodies):
        # All at once, so that the first parts have long been read when the second parts come.
        wires = [Wire() for _ in range(1, len(request))]
        try:
            for at, wire in enumerate(wires, 1):
                wire.send(request[:at])
            with Wire() as between:
                self.assertEqual(between.request("GET", "/").status, 200)
            for at, wire in enumerate(wires, 1):
                wire.send(request[at:])
            for at, wire in enumerate(wires, 1):
                self.assertEqual([wire.response().body for _ in bodies], bodies, f"cut at {at}")
        finally:
            for wire in wires:
                wire.close()

    def test_pipelined_requests_are_answered_in_order(self):
        bodies = [b"number %d" % i for i in range(200)]
        with Wire() as wire:
            wire.send(b"".join(http("POST / HTTP/1.1", body=body) for body in bodies))
            self.assertEqual([wire.response().body for _ in bodies], bodies)

    def test_pipelined_requests_of_different_framing_are_answered_in_order(self):
        chunked = lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "") + b"3\r\ntwo\r\n0\r\n\r\n"
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", body=b"one") + chunked + http("DELETE /nothing HTTP/1.1") + GET)
            answers = [wire.response() for _ in range(4)]
            self.assertEqual([answer.status for answer in answers], [200, 200, 404, 200])
            self.assertEqual([answer.body for answer in answers[:2]], [b"one", b"two"])

    def test_what_came_before_a_refused_request_is_answered(self):
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", body=b"good") + b"BAD\r\n\r\n" + GET)
            self.assertEqual(wire.response().body, b"good")
            self.assertEqual(wire.response().status, 400)
            self.assertEqual(wire.read_to_end(), b"")

    def test_an_empty_line_between_requests_is_ignored(self):
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", body=b"one") + b"\r\n" + http("POST / HTTP/1.1", body=b"two"))
            self.assertEqual([wire.response().body for _ in range(2)], [b"one", b"two"])

    def test_head_has_the_length_of_get_and_no_body(self):
        with Wire() as wire:
            got = wire.request("GET", "/nothing")
            head = wire.request("HEAD", "/nothing")
            self.assertEqual(head.status, got.status)
            self.assertEqual(head.header("Content-Length"), str(len(got.body)))
            self.assertEqual(wire.request("GET", "/").status, 200, "no byte of a body came")

    def test_head_may_be_pipelined(self):
        with Wire() as wire:
            wire.send(http("HEAD /nothing HTTP/1.1") + http("POST / HTTP/1.1", body=b"next"))
            wire.response(head=True)
            self.assertEqual(wire.response().body, b"next")

    def test_head_of_a_refused_request_has_the_answer_ended(self):
        with Wire() as wire:
            wire.send(lines("HEAD / HTTP/1.1", ""))
            self.assertTrue(wire.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 400 "))
            self.assertTrue(wire.ended())

    def test_a_client_that_half_closes_gets_its_answers(self):
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", body=b"one") + http("POST / HTTP/1.1", body=b"two"))
            wire.finish()
            self.assertEqual([wire.response().body for _ in range(2)], [b"one", b"two"])
            self.assertEqual(wire.read_to_end(), b"")

    def test_an_answer_of_16_mib_reaches_a_client_that_reads_late(self):
        body = b"x" * (16 << 20)
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", body=body))
            with Wire() as other:
                self.assertEqual(other.request("GET", "/").status, 200)
            self.assertTrue(wire.response().body == body)

    def test_many_half_requests_hold_up_nobody(self):
        wires = [Wire() for _ in range(300)]
        try:
            for wire in wires:
                wire.send(GET[:-1])
            with Wire() as wire:
                self.assertEqual(wire.request("GET", "/").status, 200)
        finally:
            for wire in wires:
                wire.close()

    def test_an_unknown_path_is_404_and_keeps_the_connection(self):
        with Wire() as wire:
            self.assertEqual(wire.request("GET", "/nothing").status, 404)
            self.assertEqual(wire.request("GET", "/").status, 200)


class Expectations(unittest.TestCase):
    """Expect: 100-continue (RFC 9110 section 10.1.1)."""

    def test_a_client_that_waits_is_told_to_go_on(self):
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5"))
            self.assertEqual(wire.response(interim=True).status, 100)
            wire.send(b"hello")
            self.assertEqual(wire.response().body, b"hello")

    def test_a_client_with_chunks_that_waits_is_told_to_go_on(self):
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", "Expect: 100-continue", "Transfer-Encoding: chunked"))
            self.assertEqual(wire.response(interim=True).status, 100)
            wire.send(b"5\r\nhello\r\n0\r\n\r\n")
            self.assertEqual(wire.response().body, b"hello")

    def test_it_is_said_once_for_each_request(self):
        with Wire() as wire:
            for body in (b"first", b"other"):
                wire.send(http("POST / HTTP/1.1", "Expect: 100-Continue", "Content-Length: 5"))
                self.assertEqual(wire.response(interim=True).status, 100)
                wire.send_cut(body)
                self.assertEqual(wire.response().body, body)

    def test_a_client_that_does_not_wait_needs_no_100(self):
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", "Expect: 100-continue", body=b"hello"))
            self.assertEqual(wire.response().body, b"hello")

    def test_a_request_without_a_body_gets_no_100(self):
        with Wire() as wire:
            self.assertEqual(wire.request("POST", "/", ("Expect: 100-continue", "Content-Length: 0")).status, 200)

    def test_a_body_that_is_too_large_is_refused_instead_of_asked_for(self):
        with Wire() as wire:
            wire.send(http("POST / HTTP/1.1", "Expect: 100-continue", f"Content-Length: {(16 << 20) + 1}"))
            self.assertEqual(wire.response().status, 413)
            self.assertEqual(wire.read_to_end(), b"")

    def test_another_expectation_is_417(self):
        with Wire() as wire:
            self.assertEqual(wire.request("POST", "/", ("Expect: the-unexpected",)).status, 417)
            self.assertEqual(wire.read_to_end(), b"")

    def test_http_1_0_gets_no_100(self):
        with Wire() as wire:
            wire.send(lines("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 5", "") + b"hello")
            self.assertEqual(wire.response().body, b"hello")


if __name__ == "__main__":
    unittest.main()
