"""Engine.IO 4: handshake, messages, payloads, close (the protocol document, revision 4), over /engine.io/, which echoes."""

import json
import re
import unittest

import server
from cases import table, tabled
from engine_io import PATH, EngineSocket, Polling, binary, refused_socket, target
from websocket import BINARY, CONTINUATION, PING, PONG, TEXT, Frame, WebSocket, fragments, frame
from wire import Wire, http

ORIGIN = "Origin: https://app.example"

# name, method, query, status, code of the reference server's errors
REFUSED = [
    ("no_eio", "GET", {"EIO": None}, 400, 5),
    ("an_unknown_eio", "GET", {"EIO": "abc"}, 400, 5),
    ("an_empty_eio", "GET", {"EIO": ""}, 400, 5),
    ("a_later_eio", "GET", {"EIO": "5"}, 400, 5),
    ("no_transport", "GET", {"transport": None}, 400, 0),
    ("an_unknown_transport", "GET", {"transport": "abc"}, 400, 0),
    ("an_empty_transport", "GET", {"transport": ""}, 400, 0),
    ("a_handshake_by_post", "POST", {}, 400, 2),
    ("a_handshake_by_put", "PUT", {}, 400, 2),
    ("a_handshake_by_delete", "DELETE", {}, 400, 2),
    ("an_unknown_sid_of_get", "GET", {"sid": "abc"}, 400, 1),
    ("an_unknown_sid_of_post", "POST", {"sid": "abc"}, 400, 1),
    ("websocket_without_an_upgrade", "GET", {"transport": "websocket"}, 426, 3),
]

REFUSED_SOCKETS = [
    ("no_eio", {"EIO": None}),
    ("an_unknown_eio", {"EIO": "abc"}),
    ("no_transport", {"transport": None}),
    ("an_unknown_transport", {"transport": "abc"}),
    ("an_unknown_sid", {"sid": "abc"}),
]


@tabled
class Handshake(unittest.TestCase):
    def opening(self, value, upgrades):
        self.assertEqual(list(value), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"])
        self.assertIsInstance(value["sid"], str)
        self.assertEqual(value["upgrades"], upgrades)
        self.assertEqual(value["pingInterval"], 25000)
        self.assertEqual(value["pingTimeout"], 20000)
        self.assertEqual(value["maxPayload"], server.MAX_PAYLOAD)

    def test_a_session_over_polling_opens(self):
        with Polling() as session:
            self.opening(session.open, ["websocket"])
            self.assertEqual(len(session.opening), 1)

    def test_a_session_over_websocket_opens(self):
        with EngineSocket() as session:
            self.opening(session.open, [])

    def test_the_times_of_the_command_line_are_told(self):
        with Polling(address=server.hasty()) as session:
            self.assertEqual((session.open["pingInterval"], session.open["pingTimeout"]), (300, 200))

    def test_other_parameters_are_ignored(self):
        with Polling(t="PXYZ", b64="1", anything="%00") as session:
            session.tell("4hello")
            self.assertEqual(session.packets(), ["4hello"])

    def test_the_parameters_may_come_in_any_order(self):
        with Wire() as wire:
            self.assertEqual(wire.request("GET", PATH + "?transport=polling&EIO=4").status, 200)

    def test_session_ids_are_long_different_and_fit_into_a_url(self):
        with Wire() as wire:
            sids = {json.loads(wire.request("GET", target()).text[1:])["sid"] for _ in range(100)}
        self.assertEqual(len(sids), 100)
        for sid in sids:
            self.assertRegex(sid, re.compile(r"\A[A-Za-z0-9_-]{20,}\Z"))

    @table([(f"{name}_is_refused", *row) for name, *row in REFUSED])
    def refused(self, method, query, status, code):
        with Wire() as wire:
            response = wire.request(method, target(**query), (ORIGIN,))
            self.assertEqual(response.status, status)
            self.assertEqual(response.header("Content-Type"), "application/json")
            self.assertEqual(json.loads(response.text)["code"], code)
            self.assertIsInstance(json.loads(response.text)["message"], str)
            # Or the page's script could not tell it from a broken network.
            self.assertIn(response.header("Access-Control-Allow-Origin"), ("*", "https://app.example"))

    @table([(f"a_websocket_with_{name}_is_refused", query) for name, query in REFUSED_SOCKETS])
    def refused_socket(self, query):
        self.assertEqual(refused_socket(target(**{"transport": "websocket", **query})).status, 400)

    def test_a_websocket_of_the_polling_transport_is_not_opened(self):
        self.assertIn(refused_socket(target(transport="polling")).status, (200, 400))

    def test_a_session_of_another_path_is_unknown(self):
        with Polling() as session, Wire() as wire:
            self.assertEqual(wire.request("GET", target("/socket.io/", sid=session.sid)).status, 400)
            session.tell("4still here")
            self.assertEqual(session.packets(), ["4still here"])

    def test_polling_a_session_over_websocket_is_refused_and_it_goes_on(self):
        with EngineSocket() as session, Wire() as wire:
            for method, body in (("GET", b""), ("POST", b"4x")):
                self.assertEqual(wire.request(method, target(sid=session.sid), body=body).status, 400)
            session.say("4hello")
            self.assertEqual(session.text(), "4hello")


@tabled
class Browsers(unittest.TestCase):
    """What pages of other origins need: the server allows any."""

    @table([(f"a_preflight_for_{method.lower()}_is_granted", method) for method in ("GET", "POST")])
    def preflight(self, method):
        with Wire() as wire:
            response = wire.request("OPTIONS", target(), (ORIGIN, f"Access-Control-Request-Method: {method}",
                                                          "Access-Control-Request-Headers: content-type"))
            self.assertIn(response.status, (200, 204))
            self.assertIn(response.header("Access-Control-Allow-Origin"), ("*", "https://app.example"))
            self.assertIn(method, response.header("Access-Control-Allow-Methods"))
            self.assertIn("content-type", response.header("Access-Control-Allow-Headers").lower())

    def test_every_answer_of_a_session_may_be_read(self):
        with Wire() as wire:
            opened = wire.request("GET", target(), (ORIGIN,))
            sid = json.loads(opened.text[1:])["sid"]
            posted = wire.request("POST", target(sid=sid), (ORIGIN,), body=b"4x")
            polled = wire.request("GET", target(sid=sid), (ORIGIN,))
            for response in (opened, posted, polled):
                self.assertEqual(response.status, 200)
                self.assertIn(response.header("Access-Control-Allow-Origin"), ("*", "https://app.example"))

    def test_a_poll_is_text_that_nobody_keeps(self):
        with Polling() as session:
            session.tell("4hello")
            response = session.poll()
            self.assertEqual(response.header("Content-Type").lower(), "text/plain; charset=utf-8")
            self.assertEqual(response.header("Cache-Control"), "no-store")

    def test_a_websocket_of_another_origin_opens(self):
        with EngineSocket(headers=(ORIGIN,)) as session:
            session.say("4hello")
            self.assertEqual(session.text(), "4hello")


# Packets that are pushed together and come back together.
PAYLOADS = [
    ("one_message", ["4hello"]),
    ("several_messages", ["4test1", "4test2", "4test3"]),
    ("an_empty_message", ["4"]),
    ("binary", [binary(b"\1\2\3\4")]),
    ("text_and_binary", ["4hello", binary(b"\1\2\3\4"), "4again"]),
    ("empty_binary", [binary(b"")]),
    ("binary_of_every_byte", [binary(bytes(range(256)))]),
    ("binary_of_each_length_of_base64", [binary(b"a"), binary(b"ab"), binary(b"abc")]),
    ("unicode", ["4κόσμε", "4😀 é \u2028"]),
    ("a_message_that_looks_like_packets", ["42probe", "41", "4bAAAA"]),
    ("a_message_with_line_ends", ["4a\r\nb\0c"]),
    ("a_message_of_100_kb", ["4" + "x" * 100_000]),
    ("two_hundred_messages", [f"4message {i}" for i in range(200)]),
]

# What ends the session when it is pushed.
BAD_PAYLOADS = [
    ("an_unknown_type", b"abc"),
    ("a_type_behind_the_last", b"7"),
    ("an_empty_payload", b""),
    ("an_empty_packet_in_front", b"\x1e4a"),
    ("an_empty_packet_behind", b"4a\x1e"),
    ("an_empty_packet_between", b"4a\x1e\x1e4b"),
    ("base64_with_a_foreign_character", b"bAQID*A=="),
    ("base64_cut_short", b"bAQIDB"),
    ("a_message_that_is_not_utf_8", b"4\xff\xfe"),
]


@tabled
class PollingMessages(unittest.TestCase):
    @table([(f"{name}_comes_back_over_polling", packets) for name, packets in PAYLOADS])
    def echo(self, packets):
        with Polling() as session:
            session.tell(*packets)
            got = []
            while len(got) < len(packets):
                got += session.packets()
            self.assertEqual(got, packets)

    def test_messages_of_one_push_come_back_in_one_poll(self):
        with Polling() as session:
            session.tell("4test1", "4test2", "4test3")
            self.assertEqual(session.poll().body, b"4test1\x1e4test2\x1e4test3")

    def test_messages_of_several_pushes_wait_for_one_poll(self):
        with Polling() as session:
            for i in range(5):
                session.tell(f"4number {i}")
            self.assertEqual(session.packets(), [f"4number {i}" for i in range(5)])

    def test_a_poll_waits_for_a_message(self):
        with Polling() as session:
            session.park()
            session.tell("4hello")
            self.assertEqual(session.getting.response().body, b"4hello")

    def test_polls_and_pushes_take_turns_on_one_connection(self):
        with Polling() as session:
            for i in range(20):
                response = session.getting.request("POST", session.target(), body=b"4number %d" % i)
                self.assertEqual(response.body, b"ok")
                self.assertEqual(session.packets(), [f"4number {i}"])

    def test_every_poll_may_come_over_another_connection(self):
        with Polling() as session:
            for i in range(20):
                session.tell(f"4number {i}")
                with Wire() as wire:
                    self.assertEqual(wire.request("GET", session.target()).body, b"4number %d" % i)

    def test_a_push_in_chunks_of_one_byte_is_taken(self):
        with Polling() as session:
            session.posting.send_cut(http(f"POST {session.target()} HTTP/1.1", body="4κόσμε\x1e4b".encode()))
            self.assertEqual(session.posting.response().body, b"ok")
            self.assertEqual(session.packets(), ["4κόσμε", "4b"])

    def test_a_push_of_the_limit_is_taken(self):
        packet = "4" + "x" * (server.MAX_PAYLOAD - 1)
        with Polling() as session:
            session.tell(packet)
            self.assertTrue(session.packets() == [packet])

    def test_a_push_over_the_limit_is_413(self):
        with Polling() as session:
            self.assertEqual(session.push("4" + "x" * server.MAX_PAYLOAD).status, 413)

    @table([(f"{name}_ends_the_session", body) for name, body in BAD_PAYLOADS])
    def bad(self, body):
        with Polling() as session:
            self.assertEqual(session.push(body=body).status, 400)
            self.assertTrue(session.gone())

    def test_a_method_that_is_neither_get_nor_post_is_refused(self):
        with Polling() as session, Wire() as wire:
            for method in ("PUT", "DELETE", "PATCH"):
                self.assertIn(wire.request(method, session.target(), body=b"4x").status, (400, 405, 500), method)

    def test_sessions_do_not_hear_each_other(self):
        with Polling() as one, Polling() as other:
            one.tell("4of one")
            other.tell("4of the other")
            self.assertEqual(one.packets(), ["4of one"])
            self.assertEqual(other.packets(), ["4of the other"])


class Polls(unittest.TestCase):
    """One poll at a time."""

    def test_a_second_poll_ends_the_session(self):
        with Polling() as session, Wire() as second:
            session.park()
            session.ask(second)
            first = session.getting.response()
            self.assertEqual((first.status, first.body), (200, b"1"))
            self.assertIn(second.response().status, (400, 500))
            self.assertTrue(session.gone())

    def test_a_poll_that_its_client_resets_ends_the_session(self):
        with Polling() as session:
            session.park()
            session.getting.abort()
            self.ends(session)

    def test_a_poll_that_its_client_closes_ends_the_session(self):
        with Polling() as session:
            session.park()
            session.getting.close()
            self.ends(session)

    def ends(self, session):
        # A noop disturbs nothing and is not echoed (an echo could answer the poll before its end is seen), so that nothing
        # but the lost poll can have ended the session.
        for _ in range(2000):
            if session.push("6").status == 400:
                return
        self.fail("the session goes on without its poll")

    def test_a_connection_that_ends_between_polls_ends_nothing(self):
        with Polling() as session:
            session.getting.close()
            session.getting = Wire()
            session.tell("4hello")
            self.assertEqual(session.packets(), ["4hello"])


class Close(unittest.TestCase):
    def test_a_close_packet_ends_the_session_and_its_poll(self):
        with Polling() as session:
            session.park()
            session.tell("1")
            response = session.getting.response()
            self.assertEqual((response.status, response.body), (200, b"6"))
            self.assertTrue(session.gone())

    def test_a_close_packet_without_a_poll_ends_the_session(self):
        with Polling() as session:
            session.tell("1")
            self.assertTrue(session.gone())

    def test_a_close_packet_over_websocket_ends_the_connection(self):
        with EngineSocket() as session, Wire() as wire:
            session.say("1")
            session.gone()
            self.assertEqual(wire.request("GET", session_target(session)).status, 400)

    def test_a_websocket_close_ends_the_session(self):
        with EngineSocket() as session, Wire() as wire:
            session.send(frame(8, (1000).to_bytes(2, "big")))
            self.assertIn(session.closing(), (None, 1000))
            self.assertEqual(wire.request("GET", session_target(session)).status, 400)


def session_target(session):
    return target(sid=session.sid)


SOCKET_MESSAGES = [
    ("text", frame(TEXT, "4hello"), Frame(TEXT, b"4hello")),
    ("an_empty_text", frame(TEXT, "4"), Frame(TEXT, b"4")),
    ("unicode", frame(TEXT, "4κόσμε 😀"), Frame(TEXT, "4κόσμε 😀".encode())),
    ("binary", frame(BINARY, b"\1\2\3\4"), Frame(BINARY, b"\1\2\3\4")),
    ("empty_binary", frame(BINARY, b""), Frame(BINARY, b"")),
    ("binary_that_looks_like_a_packet", frame(BINARY, b"1"), Frame(BINARY, b"1")),
    ("text_in_fragments", fragments(TEXT, [b"4", b"hel", b"lo"]), Frame(TEXT, b"4hello")),
    ("a_message_of_the_limit", frame(TEXT, "4" + "x" * (server.MAX_PAYLOAD - 1)), Frame(TEXT, b"4" + b"x" * (server.MAX_PAYLOAD - 1))),
    ("text_with_a_separator", frame(TEXT, "4a\x1e4b"), Frame(TEXT, b"4a\x1e4b")),
]

BAD_SOCKET_MESSAGES = [
    ("an_unknown_type", frame(TEXT, "abc")),
    ("a_type_behind_the_last", frame(TEXT, "7")),
    ("an_empty_text_frame", frame(TEXT, "")),
]


@tabled
class SocketMessages(unittest.TestCase):
    @table([(f"{name}_comes_back_over_websocket", sent, wanted) for name, sent, wanted in SOCKET_MESSAGES])
    def echo(self, sent, wanted):
        with EngineSocket() as session:
            session.send(sent)
            self.assertTrue(session.frame() == wanted)

    @table([(f"{name}_ends_the_websocket", sent) for name, sent in BAD_SOCKET_MESSAGES])
    def bad(self, sent):
        with EngineSocket() as session:
            session.send(sent)
            self.assertNotIn(TEXT, [got.opcode for got in session.gone()])

    def test_messages_keep_their_order(self):
        with EngineSocket() as session:
            session.send(b"".join(frame(TEXT, f"4number {i}") for i in range(500)))
            self.assertEqual([session.text() for _ in range(500)], [f"4number {i}" for i in range(500)])

    def test_a_message_over_the_limit_is_1009(self):
        with EngineSocket() as session:
            session.send(frame(TEXT, length=server.MAX_PAYLOAD + 1))
            self.assertEqual(session.closing(), 1009)

    def test_a_message_over_the_limit_in_fragments_is_1009(self):
        with EngineSocket() as session:
            session.send(frame(BINARY, b"x" * 600_000, final=False) + frame(CONTINUATION, b"x" * 600_000))
            self.assertEqual(session.closing(), 1009)

    def test_a_ping_of_websocket_is_answered_by_websocket(self):
        with EngineSocket() as session:
            session.send(frame(PING, b"hello"))
            self.assertEqual(session.frame(), Frame(PONG, b"hello"))

    def test_a_pong_that_was_not_asked_for_and_a_noop_are_ignored(self):
        with EngineSocket() as session:
            session.send(frame(TEXT, "3") + frame(TEXT, "6") + frame(TEXT, "4hello"))
            self.assertEqual(session.text(), "4hello")


if __name__ == "__main__":
    unittest.main()
