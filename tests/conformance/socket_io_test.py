"""Socket.IO 5 (the protocol document, revision 5), over /socket.io/: connect, events, acknowledgements, attachments, and what
ends the connection."""

import unittest

import server
from cases import table, tabled
from engine_io import Polling, binary
from socket_io import PATH, SocketIo
from websocket import CLOSE, TEXT, frame


@tabled
class Connect(unittest.TestCase):
    @table([
        ("the_main_namespace_is_joined", "", ""),
        ("the_main_namespace_is_joined_with_a_payload", "", '{"token":"123"}'),
        ("a_custom_namespace_is_joined", "/custom,", ""),
        ("a_custom_namespace_is_joined_with_a_payload", "/custom,", '{"token":"abc","deep":{"a":[1,2.5,null,true]}}'),
        ("a_payload_with_unicode_is_told_as_it_is", "", '{"name":"κόσμε 😀"}'),
        ("an_empty_payload_is_told_as_it_is", "", "{}"),
    ])
    def joined(self, nsp, payload):
        with SocketIo(connected=False) as client:
            answer = client.connect(nsp, payload)
            self.assertEqual(list(answer), ["sid"])
            self.assertIsInstance(answer["sid"], str)
            self.assertNotEqual(answer["sid"], client.sid, "the transport's id is a secret of its own")

    def test_a_custom_namespace_may_be_named_without_a_comma(self):
        with SocketIo(connected=False) as client:
            client.put("0/custom")
            self.assertTrue(client.get().startswith('0/custom,{"sid":'))
            self.assertEqual(client.get(), '2/custom,["auth",{}]')

    def test_the_main_namespace_may_be_named(self):
        with SocketIo(connected=False) as client:
            client.put("0/,")
            self.assertTrue(client.get().startswith('0{"sid":'))

    def test_both_namespaces_are_joined_over_one_connection(self):
        with SocketIo() as client:
            answer = client.connect("/custom,", '{"a":1}')
            self.assertNotEqual(answer["sid"], client.connected["sid"])
            client.alive()

    def test_a_custom_namespace_needs_no_main_one(self):
        with SocketIo(connected=False) as client:
            client.connect("/custom,")
            client.connect()
            client.alive()

    @table([(f"{name}_is_refused", packet, nsp) for name, packet, nsp in [
        ("an_unknown_namespace", "0/random", "/random"),
        ("an_unknown_namespace_with_a_comma", "0/random,", "/random"),
        ("an_unknown_namespace_with_a_payload", '0/random,{"token":"123"}', "/random"),
        ("a_namespace_in_another_case", "0/Custom,", "/Custom"),
        ("a_namespace_that_only_begins_like_another", "0/custom2,", "/custom2"),
        ("a_namespace_below_another", "0/custom/sub,", "/custom/sub"),
    ]])
    def unknown(self, packet, nsp):
        with SocketIo() as client:
            client.put(packet)
            self.assertEqual(client.get(), f'4{nsp},{{"message":"Invalid namespace"}}')
            client.alive()

    def test_a_connection_without_connect_is_closed(self):
        with SocketIo(server.hasty(), connected=False) as client:
            for _ in range(20):
                got = client.frame()
                if got.opcode == CLOSE:
                    return
                client.say("3")  # it is not the heartbeat that ends it
            self.fail("it is not closed")

    def test_a_connection_with_a_refused_connect_alone_is_closed(self):
        with SocketIo(server.hasty(), connected=False) as client:
            client.put("0/random")
            for _ in range(20):
                got = client.frame()
                if got.opcode == CLOSE:
                    return
                if got.payload == b"2":
                    client.say("3")
            self.fail("it is not closed")

    def test_session_ids_differ(self):
        sids = set()
        for _ in range(20):
            with SocketIo() as client:
                sids |= {client.sid, client.connected["sid"]}
        self.assertEqual(len(sids), 40)


class Disconnect(unittest.TestCase):
    def test_leaving_the_main_namespace_keeps_the_connection(self):
        with SocketIo() as client:
            client.put("1")
            client.connect()
            client.alive()

    def test_leaving_the_custom_namespace_keeps_the_main_one(self):
        with SocketIo() as client:
            client.connect("/custom,")
            client.put("1/custom,")
            client.alive()

    def test_a_namespace_may_be_left_without_a_comma(self):
        with SocketIo() as client:
            client.connect("/custom,")
            client.put("1/custom")
            client.alive()

    def test_a_namespace_may_be_joined_again(self):
        with SocketIo() as client:
            first = client.connect("/custom,")
            client.put("1/custom,")
            self.assertNotEqual(client.connect("/custom,")["sid"], first["sid"])

    def test_leaving_the_main_namespace_keeps_the_custom_one(self):
        with SocketIo() as client:
            client.connect("/custom,")
            client.put("1")
            client.connect()
            client.put("1/custom,")
            client.alive()


# Arguments as compact JSON, which must come back byte for byte.
ARGUMENTS = [
    ("no_argument", ""),
    ("a_string", '"hello"'),
    ("the_arguments_of_the_public_suite", '1,"2",{"3":[true]}'),
    ("many_arguments", ",".join(str(i) for i in range(100))),
    ("null_true_and_false", "null,true,false"),
    ("numbers", "0,-1,1.5,9007199254740991,-9007199254740991"),
    ("empty_values", '"",[],{}'),
    ("nested_values", '{"a":{"b":{"c":[[[1]]]}}}'),
    ("unicode", '"κόσμε 😀 é"'),
    ("escapes", '"\\"\\\\\\n\\r\\t\\b\\f"'),
    ("a_control_byte", '"\\u0001"'),
    ("nul", '"a\\u0000b"'),
    ("line_separators", '"\u2028\u2029"'),
    ("a_slash", '"a/b"'),
    ("a_string_that_looks_like_a_packet", '"42[\\"message\\"]"'),
    ("a_string_of_100_kb", '"' + "x" * 100_000 + '"'),
    ("keys_in_their_order", '{"z":1,"a":2,"m":3}'),
    ("a_placeholder_that_is_none", '{"_placeholder":false,"num":0}'),
]


@tabled
class Events(unittest.TestCase):
    @table([(f"{name}_comes_back", arguments) for name, arguments in ARGUMENTS])
    def echo(self, arguments):
        comma = "," if arguments else ""
        with SocketIo() as client:
            client.put(f'2["message"{comma}{arguments}]')
            self.assertEqual(client.get(), f'2["message-back"{comma}{arguments}]')

    @table([(f"{name}_comes_back_acknowledged", arguments) for name, arguments in ARGUMENTS])
    def acknowledged(self, arguments):
        comma = "," if arguments else ""
        with SocketIo() as client:
            client.put(f'2456["message-with-ack"{comma}{arguments}]')
            self.assertEqual(client.get(), f"3456[{arguments}]")

    @table([(f"an_ack_id_of_{ack}_is_answered_with_it", ack) for ack in (0, 1, 9007199254740991)])
    def ack_id(self, ack):
        with SocketIo() as client:
            client.put(f'2{ack}["message-with-ack",1]')
            self.assertEqual(client.get(), f"3{ack}[1]")

    def test_spaces_in_the_json_are_not_sent_back(self):
        with SocketIo() as client:
            client.put('2[ "message" , { "a" : [ 1 , 2 ] } ]')
            self.assertEqual(client.get(), '2["message-back",{"a":[1,2]}]')

    def test_events_keep_their_order(self):
        with SocketIo() as client:
            client.send(b"".join(frame(TEXT, f'42["message",{i}]') for i in range(300)))
            self.assertEqual([client.get() for _ in range(300)], [f'2["message-back",{i}]' for i in range(300)])

    def test_an_event_without_a_listener_is_ignored(self):
        with SocketIo() as client:
            client.put('2["nobody-listens",1]')
            client.alive()

    def test_an_event_of_a_namespace_that_was_not_joined_closes_the_connection(self):
        with SocketIo() as client:
            client.put('2/custom,["message",1]')
            self.assertNotIn(TEXT, [got.opcode for got in client.gone()])

    def test_an_ack_that_nobody_waits_for_is_ignored(self):
        with SocketIo() as client:
            client.put("342[1,2]")
            client.alive()

    def test_an_event_in_fragments_comes_back(self):
        with SocketIo() as client:
            text = '42["message","κόσμε"]'.encode()
            for at in range(1, len(text)):
                client.send(frame(TEXT, text[:at], final=False) + frame(0, text[at:]))
                self.assertEqual(client.get(), '2["message-back","κόσμε"]')


P0 = '{"_placeholder":true,"num":0}'
P1 = '{"_placeholder":true,"num":1}'

# arguments, attachments, arguments of the answer, attachments of the answer
ATTACHMENTS = [
    ("one_attachment", P0, [b"\1\2\3"]),
    ("two_attachments", f"{P0},{P1}", [b"\1\2\3", b"\4\5\6"]),
    ("an_attachment_between_arguments", f'1,{P0},"x",{P1}', [b"\1\2\3", b"\4\5\6"]),
    ("an_attachment_inside_an_object", f'{{"a":{{"b":[{P0}]}}}}', [b"deep"]),
    ("an_empty_attachment", P0, [b""]),
    ("an_attachment_of_every_byte", P0, [bytes(range(256))]),
    ("an_attachment_of_500_kb", P0, [b"\xff" * 500_000]),
    ("ten_attachments", ",".join(f'{{"_placeholder":true,"num":{i}}}' for i in range(10)), [bytes([i]) for i in range(10)]),
]


@tabled
class Binary(unittest.TestCase):
    @table([(f"{name}_comes_back", arguments, attachments) for name, arguments, attachments in ATTACHMENTS])
    def echo(self, arguments, attachments):
        with SocketIo() as client:
            client.put(f'5{len(attachments)}-["message",{arguments}]', *attachments)
            self.assertEqual(client.get(), f'5{len(attachments)}-["message-back",{arguments}]')
            self.assertTrue([client.attachment() for _ in attachments] == attachments)

    @table([(f"{name}_comes_back_acknowledged", arguments, attachments) for name, arguments, attachments in ATTACHMENTS])
    def acknowledged(self, arguments, attachments):
        with SocketIo() as client:
            client.put(f'5{len(attachments)}-789["message-with-ack",{arguments}]', *attachments)
            self.assertEqual(client.get(), f"6{len(attachments)}-789[{arguments}]")
            self.assertTrue([client.attachment() for _ in attachments] == attachments)

    def test_attachments_are_numbered_in_the_order_of_the_arguments(self):
        with SocketIo() as client:
            client.put(f'52-["message",{P1},{P0}]', b"zero", b"one")
            self.assertEqual(client.get(), f'52-["message-back",{P0},{P1}]')
            self.assertEqual([client.attachment(), client.attachment()], [b"one", b"zero"])

    def test_a_placeholder_in_a_plain_event_is_an_object_like_any_other(self):
        with SocketIo() as client:
            client.put(f'2["message",{P0}]')
            self.assertEqual(client.get(), f'2["message-back",{P0}]')

    def test_an_attachment_that_is_named_again_and_again_does_not_multiply(self):
        with SocketIo() as client:
            client.put(f'51-["message",{",".join([P0] * 10_000)}]', b"x" * 100_000)
            self.assertLess(sum(len(got.payload) for got in client.gone()), 2_000_000)

    def test_plain_and_binary_events_keep_their_order(self):
        with SocketIo() as client:
            for i in range(20):
                client.put(f'2["message",{i}]')
                client.put(f'51-["message",{P0}]', b"%d" % i)
            for i in range(20):
                self.assertEqual(client.get(), f'2["message-back",{i}]')
                self.assertEqual(client.get(), f'51-["message-back",{P0}]')
                self.assertEqual(client.attachment(), b"%d" % i)


# What ends the connection; packets, then attachments.
FATAL = [
    ("an_unknown_packet_type", "abc"),
    ("a_type_behind_the_last", "7"),
    ("an_empty_packet", ""),
    ("an_event_that_is_an_object", "2{}"),
    ("an_event_that_is_a_string", '2"message"'),
    ("an_event_without_a_payload", "2"),
    ("an_event_without_a_name", "2[]"),
    ("an_event_named_by_an_object", '2[{},1]'),
    ("an_event_named_by_null", "2[null]"),
    ("an_event_with_a_reserved_name_connect", '2["connect"]'),
    ("an_event_with_a_reserved_name_disconnect", '2["disconnect"]'),
    ("an_ack_id_of_letters", '2abc["message-with-ack",1]'),
    ("json_cut_short", '2["message"'),
    ("json_with_something_behind", '2["message"]x'),
    ("json_with_a_trailing_comma", '2["message",]'),
    ("json_with_single_quotes", "2['message']"),
    ("json_with_nan", '2["message",NaN]'),
    ("an_ack_without_an_array", "31{}"),
    ("a_connect_with_an_array", "0[]"),
    ("a_connect_with_a_string", '0"a"'),
    ("a_connect_with_broken_json", '0{"a"'),
    ("a_disconnect_with_a_payload", '1{"a":1}'),
    ("a_binary_event_of_zero_attachments", '50-["message",1]'),
    ("a_binary_event_without_a_count", '5-["message"]'),
    ("a_binary_event_without_a_dash", '51["message"]'),
    ("a_binary_event_with_a_count_of_letters", '5x-["message"]'),
    ("a_binary_event_of_eleven_attachments", f'511-["message",{P0}]'),
    ("a_placeholder_behind_the_attachments", f'51-["message",{P1}]'),
]


@tabled
class Malformed(unittest.TestCase):
    @table([(f"{name}_closes_the_connection", packet) for name, packet in FATAL])
    def fatal(self, packet):
        with SocketIo() as client:
            client.put(packet, b"1") if packet.startswith("51-") else client.put(packet)
            self.assertNotIn(TEXT, [got.opcode for got in client.gone()])

    def test_an_invalid_packet_instead_of_connect_closes_the_connection(self):
        with SocketIo(connected=False) as client:
            client.put("abc")
            self.assertNotIn(TEXT, [got.opcode for got in client.gone()])

    def test_an_event_before_connect_closes_the_connection(self):
        with SocketIo(connected=False) as client:
            client.put('2["message",1]')
            self.assertNotIn(b'42["message-back",1]', [got.payload for got in client.gone()])

    def test_binary_that_was_not_announced_closes_the_connection(self):
        with SocketIo() as client:
            client.say_binary(b"\1\2\3")
            self.assertNotIn(TEXT, [got.opcode for got in client.gone()])

    def test_text_instead_of_an_attachment_closes_the_connection(self):
        with SocketIo() as client:
            client.put(f'51-["message",{P0}]')
            client.put('2["message",1]')
            self.assertNotIn(TEXT, [got.opcode for got in client.gone()])


class OverPolling(unittest.TestCase):
    def session(self):
        session = Polling(PATH)
        session.tell("40")
        got = []
        while len(got) < 2:
            got += session.packets()
        self.assertTrue(got[0].startswith('40{"sid":'), got)
        self.assertEqual(got[1:], ['42["auth",{}]'])
        return session

    def test_events_come_back(self):
        with self.session() as session:
            session.tell('42["message",1,"2",{"3":[true]}]', '42456["message-with-ack",1]')
            self.assertEqual(session.packets(), ['42["message-back",1,"2",{"3":[true]}]', "43456[1]"])

    def test_attachments_come_back(self):
        with self.session() as session:
            session.tell(f'452-789["message-with-ack",{P0},{P1}]', binary(b"\1\2\3"), binary(b"\4\5\6"))
            self.assertEqual(session.packets(), [f"462-789[{P0},{P1}]", binary(b"\1\2\3"), binary(b"\4\5\6")])

    def test_attachments_may_come_in_later_pushes(self):
        with self.session() as session:
            session.tell(f'452-["message",{P0},{P1}]')
            session.tell(binary(b"\1"))
            session.tell(binary(b"\2"))
            self.assertEqual(session.packets(), [f'452-["message-back",{P0},{P1}]', binary(b"\1"), binary(b"\2")])

    def test_attachments_may_come_on_both_sides_of_an_upgrade(self):
        with self.session() as session, session.upgrading() as socket:
            socket.say("2probe")
            self.assertEqual(socket.text(), "3probe")
            session.tell(f'452-["message",{P0},{P1}]', binary(b"polled"))
            socket.say("5")
            socket.say_binary(b"pushed")
            self.assertEqual(socket.text(), f'452-["message-back",{P0},{P1}]')
            self.assertEqual([socket.binary(), socket.binary()], [b"polled", b"pushed"])

    def test_a_malformed_packet_ends_the_session(self):
        with self.session() as session:
            session.push("4abc")
            last = session.poll()  # it may be told before it is gone
            self.assertTrue(last.status == 400 or last.body == b"1", last)
            self.assertTrue(session.gone())

    def test_an_unknown_namespace_is_refused(self):
        with self.session() as session:
            session.tell("40/random")
            self.assertEqual(session.packets(), ['44/random,{"message":"Invalid namespace"}'])


if __name__ == "__main__":
    unittest.main()
