"""Engine.IO 3 and Socket.IO 2, the protocols of older clients: payloads with lengths, pings by the client, binary messages
with a type byte, the main namespace joined without asking."""

import base64
import time
import unittest

import server
from cases import table, tabled
from engine_io import EngineSocket, Polling, length_prefixed, target
from socket_io import PATH as SOCKET_IO
from websocket import BINARY, TEXT, Frame
from wire import Wire

TYPE = b"\x04"  # of a binary message


def binary(data):
    return "b4" + base64.b64encode(data).decode()


def as_bytes(*packets):
    """A payload of bytes: text or binary, the digits of the length, 255, the packet."""
    out = b""
    for packet in packets:
        data = packet.encode() if isinstance(packet, str) else packet
        kind = b"\x00" if isinstance(packet, str) else b"\x01"
        out += kind + bytes(int(digit) for digit in str(len(data))) + b"\xff" + data
    return out


PAYLOADS = [
    ("one_message", ["4hello"]),
    ("several_messages", ["4test1", "4test2", "4test3"]),
    ("an_empty_message", ["4"]),
    ("a_message_over_nine_characters", ["4" + "x" * 100]),
    ("unicode", ["4κόσμε"]),
    ("characters_of_two_utf_16_units", ["4😀😀", "4b"]),
    ("a_message_that_looks_like_a_payload", ["46:4hello"]),
    ("text_and_binary", ["4hello", binary(b"\1\2\3\4")]),
]

BAD_PAYLOADS = [
    ("no_length", b"abc"),
    ("a_length_of_letters", b"x:4a"),
    ("a_length_too_long", b"7:4hello"),
    ("a_length_too_short", b"5:4hello"),
    ("a_negative_length", b"-1:4"),
    ("a_length_without_end", b"6"),
    ("an_unknown_type", b"1:9"),
    ("an_empty_packet", b"0:"),
    ("a_length_of_many_digits", b"99999999999999999999:4a"),
]


def session(**options):
    # b64: the client cannot read bytes, so binary comes as base64
    return Polling(revision=3, b64="1", **options)


@tabled
class Revision3(unittest.TestCase):
    def test_a_session_over_polling_opens(self):
        with session() as polling:
            self.assertEqual(polling.open["upgrades"], ["websocket"])
            self.assertEqual((polling.open["pingInterval"], polling.open["pingTimeout"]), (25000, 20000))
            self.assertEqual(sorted(polling.open), ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"])

    def test_a_session_over_websocket_opens(self):
        with EngineSocket(EIO="3") as socket:
            self.assertEqual(socket.open["upgrades"], [])

    @table([(f"{name}_comes_back", packets) for name, packets in PAYLOADS])
    def echo(self, packets):
        with session() as polling:
            polling.tell(*packets)
            got = []
            while len(got) < len(packets):
                got += polling.packets()
            self.assertEqual(got, packets)

    def test_messages_of_one_push_come_back_in_one_poll(self):
        with session() as polling:
            polling.tell("4test1", "4test2", "4test3")
            self.assertEqual(polling.poll().body, b"6:4test16:4test26:4test3")

    @table([(f"{name}_ends_the_session", body) for name, body in BAD_PAYLOADS])
    def bad(self, body):
        with session() as polling:
            self.assertEqual(polling.push(body=body).status, 400)
            self.assertTrue(polling.gone())

    def test_a_payload_of_bytes_is_taken(self):
        with session() as polling:
            response = polling.posting.request("POST", polling.target(), ("Content-Type: application/octet-stream",),
                                               body=as_bytes("4hello", TYPE + b"\1\2\3\4", "4κόσμε"))
            self.assertEqual(response.body, b"ok")
            got = []
            while len(got) < 3:
                got += polling.packets()
            self.assertEqual(got, ["4hello", binary(b"\1\2\3\4"), "4κόσμε"])

    def test_a_client_that_reads_bytes_gets_binary_as_bytes(self):
        with Polling(revision=3) as polling:
            polling.posting.request("POST", polling.target(), ("Content-Type: application/octet-stream",),
                                    body=as_bytes("4hello", TYPE + b"\1\2\3\4"))
            response = polling.poll()
            self.assertEqual(response.header("Content-Type"), "application/octet-stream")
            self.assertEqual(response.body, as_bytes("4hello", TYPE + b"\1\2\3\4"))

    def test_a_ping_of_the_client_is_answered_over_polling(self):
        with session() as polling:
            for _ in range(3):
                polling.tell("2")
                self.assertEqual(polling.packets(), ["3"])

    def test_a_ping_of_the_client_is_answered_over_websocket(self):
        with EngineSocket(EIO="3") as socket:
            for _ in range(3):
                socket.say("2")
                self.assertEqual(socket.text(), "3")

    def test_text_comes_back_over_websocket(self):
        with EngineSocket(EIO="3") as socket:
            socket.say("4κόσμε")
            self.assertEqual(socket.text(), "4κόσμε")

    def test_binary_has_a_type_byte_over_websocket(self):
        with EngineSocket(EIO="3") as socket:
            socket.say_binary(TYPE + b"\1\2\3\4")
            self.assertEqual(socket.frame(), Frame(BINARY, TYPE + b"\1\2\3\4"))

    def test_binary_of_another_type_ends_the_websocket(self):
        with EngineSocket(EIO="3") as socket:
            socket.say_binary(b"\x09\1\2")
            self.assertNotIn(BINARY, [got.opcode for got in socket.gone()])

    def test_a_client_that_does_not_ping_is_closed(self):
        before = time.monotonic()
        with EngineSocket(address=server.hasty(), EIO="3") as socket:
            self.assertNotIn(TEXT, [got.opcode for got in socket.gone()])
            self.assertGreaterEqual(time.monotonic() - before, server.PING_INTERVAL + server.PING_TIMEOUT - 0.001)

    def test_a_client_that_pings_lives(self):
        with EngineSocket(address=server.hasty(), EIO="3") as socket, EngineSocket(address=server.hasty(), EIO="3") as silent:
            ended = False
            while not ended:  # for as long as one lives that does not ping
                socket.say("2")
                self.assertEqual(socket.text(), "3")
                ended = not silent.silent(0.1)
            socket.say("4still here")
            self.assertEqual(socket.text(), "4still here")

    def test_a_second_poll_ends_the_session(self):
        with session() as polling, Wire() as second:
            polling.park()
            polling.ask(second)
            self.assertEqual(polling.getting.response().body, b"1:1")
            self.assertIn(second.response().status, (400, 500))
            self.assertTrue(polling.gone())

    def test_a_close_packet_ends_the_session_and_its_poll(self):
        with session() as polling:
            polling.park()
            polling.tell("1")
            self.assertEqual(polling.getting.response().body, b"1:6")
            self.assertTrue(polling.gone())

    def test_a_session_is_upgraded(self):
        with Polling(revision=3) as polling, polling.upgrading() as socket:
            socket.say("2probe")
            self.assertEqual(socket.text(), "3probe")
            for _ in range(3):
                self.assertEqual(polling.poll().body, b"1:6")
            socket.say("5")
            socket.say("4hello")
            self.assertEqual(socket.text(), "4hello")
            self.assertEqual(polling.poll().status, 400)
            socket.say_binary(TYPE + b"\1\2")
            self.assertEqual(socket.frame(), Frame(BINARY, TYPE + b"\1\2"))

    def test_a_client_that_cannot_read_bytes_gets_base64_over_websocket_too(self):
        with EngineSocket(EIO="3", b64="1") as socket:
            socket.say(binary(b"\1\2\3\4"))
            self.assertEqual(socket.text(), binary(b"\1\2\3\4"))

    def test_a_session_keeps_its_revision(self):
        with session() as polling, Wire() as wire:
            polling.tell("4hello")
            self.assertEqual(wire.request("GET", target(sid=polling.sid, EIO="3")).body, length_prefixed(["4hello"]).encode())


@tabled
class SocketIo2(unittest.TestCase):
    def connected(self, address=None):
        socket = EngineSocket(SOCKET_IO, address, EIO="3")
        self.assertTrue(socket.text().startswith("40"))
        self.assertEqual(socket.text(), '42["auth",{}]')
        return socket

    def test_the_main_namespace_is_joined_without_asking(self):
        self.connected().close()

    def test_it_is_joined_without_asking_over_polling_too(self):
        with session(path=SOCKET_IO) as polling:
            got = polling.opening[1:]
            while len(got) < 2:
                got += polling.packets()
            self.assertEqual([got[0][:2], got[1]], ["40", '42["auth",{}]'])
            polling.tell('42["message",1]')
            self.assertEqual(polling.packets(), ['42["message-back",1]'])

    def test_events_come_back(self):
        with self.connected() as socket:
            socket.say('42["message",1,"2",{"3":[true]}]')
            self.assertEqual(socket.text(), '42["message-back",1,"2",{"3":[true]}]')

    def test_acknowledgements_come_back(self):
        with self.connected() as socket:
            socket.say('42456["message-with-ack",1,"2",{"3":[false]}]')
            self.assertEqual(socket.text(), '43456[1,"2",{"3":[false]}]')

    def test_attachments_come_back(self):
        places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
        with self.connected() as socket:
            socket.say(f'452-["message",{places},"test"]')
            socket.say_binary(TYPE + b"\1\2\3")
            socket.say_binary(TYPE + b"\4\5\6")
            self.assertEqual(socket.text(), f'452-["message-back",{places},"test"]')
            self.assertEqual([socket.binary(), socket.binary()], [TYPE + b"\1\2\3", TYPE + b"\4\5\6"])

    @table([(f"a_custom_namespace_is_joined_by_{name}", packet) for name, packet in [
        ("its_name", "40/custom"), ("its_name_and_a_comma", "40/custom,"), ("its_name_and_a_query", "40/custom?token=abc,")]])
    def custom(self, packet):
        with self.connected() as socket:
            socket.say(packet)
            self.assertTrue(socket.text().startswith("40/custom"))
            self.assertTrue(socket.text().startswith('42/custom,["auth",'))
            socket.say("41/custom")
            socket.say('42["message","main"]')
            self.assertEqual(socket.text(), '42["message-back","main"]')

    def test_an_unknown_namespace_is_refused(self):
        with self.connected() as socket:
            socket.say("40/random")
            self.assertEqual(socket.text(), '44/random,{"message":"Invalid namespace"}')

    @table([(f"{name}_closes_the_connection", packet) for name, packet in [
        ("an_unknown_packet_type", "4abc"), ("an_event_that_is_an_object", "42{}"),
        ("an_ack_id_of_letters", '42abc["message-with-ack",1]')]])
    def malformed(self, packet):
        with self.connected() as socket:
            socket.say(packet)
            self.assertNotIn(TEXT, [got.opcode for got in socket.gone()])


if __name__ == "__main__":
    unittest.main()
