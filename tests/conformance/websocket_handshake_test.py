"""WebSocket: the opening handshake (RFC 6455 section 4)."""

import unittest

from cases import table, tabled
from websocket import KEY, TEXT, WebSocket, accept_of, frame, handshake
from wire import Wire, lines


def asked(*headers, first="GET /echo HTTP/1.1"):
    return lines(first, "Host: a", *headers, "")


CONNECTION = "Connection: Upgrade"
UPGRADE = "Upgrade: websocket"
VERSION = "Sec-WebSocket-Version: 13"
WITH_KEY = f"Sec-WebSocket-Key: {KEY}"

TAKEN = [
    ("the_handshake_of_the_rfc", handshake("/echo", "Origin: http://example.com")),
    ("connection_as_a_list", asked("Connection: keep-alive, Upgrade", UPGRADE, VERSION, WITH_KEY)),
    ("connection_in_any_case", asked("connection: uPGRADE", UPGRADE, VERSION, WITH_KEY)),
    ("upgrade_in_any_case", asked(CONNECTION, "Upgrade: WebSocket", VERSION, WITH_KEY)),
    ("an_origin_of_any_site", handshake("/echo", "Origin: https://elsewhere.example")),
    ("an_unknown_extension", handshake("/echo", "Sec-WebSocket-Extensions: x-nothing; a=b, permessage-zstd")),
    ("an_unknown_subprotocol", handshake("/echo", "Sec-WebSocket-Protocol: soap, wamp")),
]

REFUSED = [
    ("no_upgrade", asked(), 426),
    ("no_upgrade_header", asked(CONNECTION, VERSION, WITH_KEY), 426),
    ("no_upgrade_in_connection", asked("Connection: keep-alive", UPGRADE, VERSION, WITH_KEY), 426),
    ("no_connection_header", asked(UPGRADE, VERSION, WITH_KEY), 426),
    ("another_protocol", asked(CONNECTION, "Upgrade: h2c", VERSION, WITH_KEY), 426),
    ("no_version", asked(CONNECTION, UPGRADE, WITH_KEY), 426),
    ("version_8", asked(CONNECTION, UPGRADE, "Sec-WebSocket-Version: 8", WITH_KEY), 426),
    ("version_14", asked(CONNECTION, UPGRADE, "Sec-WebSocket-Version: 14", WITH_KEY), 426),
    ("no_key", asked(CONNECTION, UPGRADE, VERSION), 400),
    ("an_empty_key", asked(CONNECTION, UPGRADE, VERSION, "Sec-WebSocket-Key:"), 400),
    ("a_key_of_15_bytes", asked(CONNECTION, UPGRADE, VERSION, "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1"), 400),
    ("a_key_of_17_bytes", asked(CONNECTION, UPGRADE, VERSION, "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Njc="), 400),
    ("a_key_that_is_no_base64", asked(CONNECTION, UPGRADE, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!!"), 400),
    ("http_1_0", asked(CONNECTION, UPGRADE, VERSION, WITH_KEY, first="GET /echo HTTP/1.0"), 426),
]


@tabled
class Handshake(unittest.TestCase):
    @table([(f"{name}_is_taken", request) for name, request in TAKEN])
    def taken(self, request):
        for size in (len(request), 1):
            with Wire() as wire:
                wire.send_cut(request, size)
                response = wire.response(interim=True)
                self.assertEqual(response.status, 101)
                self.assertEqual(response.header("Upgrade").lower(), "websocket")
                self.assertEqual(response.header("Connection").lower(), "upgrade")
                self.assertEqual(response.header("Sec-WebSocket-Accept"), accept_of(KEY))
                self.assertIsNone(response.header("Sec-WebSocket-Extensions"))
                self.assertIsNone(response.header("Sec-WebSocket-Protocol"))

    @table([(f"{name}_is_refused", request, status) for name, request, status in REFUSED])
    def refused(self, request, status):
        with Wire() as wire:
            wire.send(request)
            response = wire.response()
            self.assertEqual(response.status, status)
            if status == 426:
                self.assertEqual(response.header("Sec-WebSocket-Version"), "13")
                self.assertEqual(response.header("Upgrade"), "websocket")

    def test_a_post_is_refused(self):
        with Wire() as wire:
            wire.send(asked(CONNECTION, UPGRADE, VERSION, WITH_KEY, first="POST /echo HTTP/1.1"))
            self.assertIn(wire.response().status, (400, 405))

    def test_the_sample_key_of_the_rfc_has_its_answer(self):
        with WebSocket() as socket:
            self.assertEqual(socket.upgrade.header("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

    def test_frames_behind_the_request_in_the_same_segment_are_read(self):
        with WebSocket(behind=frame(TEXT, "early") + frame(TEXT, "bird")) as socket:
            self.assertEqual([socket.text(), socket.text()], ["early", "bird"])

    def test_it_may_follow_other_requests_on_its_connection(self):
        with Wire() as wire:
            self.assertEqual(wire.request("GET", "/").status, 200)
            wire.send(handshake("/echo") + frame(TEXT, "hello"))
            self.assertEqual(wire.response(interim=True).status, 101)
            self.assertEqual(wire.read(7), b"\x81\x05hello")

    def test_the_connection_stays_usable_after_a_refusal(self):
        with Wire() as wire:
            wire.send(asked())
            self.assertEqual(wire.response().status, 426)
            self.assertEqual(wire.request("GET", "/").status, 200)

    def test_what_stands_behind_a_request_that_is_upgraded_is_no_request(self):
        with Wire() as wire:
            wire.send(handshake("/echo") + lines("GET / HTTP/1.1", "Host: a", ""))
            self.assertEqual(wire.response(interim=True).status, 101)
            # "GE" is a frame with reserved bits.
            self.assertEqual(wire.read(4)[2:], (1002).to_bytes(2, "big"))
            self.assertTrue(wire.ended())


if __name__ == "__main__":
    unittest.main()
