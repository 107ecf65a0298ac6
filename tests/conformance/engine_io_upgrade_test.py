"""Engine.IO 4: the upgrade from polling to WebSocket."""

import unittest

from engine_io import EngineSocket, Polling, binary
from websocket import BINARY, TEXT, Frame
from wire import Wire


class Upgrade(unittest.TestCase):
    def test_a_session_is_upgraded(self):
        with Polling() as session, session.upgrading() as socket:
            socket.say("2probe")
            self.assertEqual(socket.text(), "3probe")
            self.assertEqual(session.packets(), ["6"], "the poll is ended by a noop")
            socket.say("5")
            socket.say("4hello")
            self.assertEqual(socket.text(), "4hello")

    def test_a_parked_poll_is_ended_by_a_noop(self):
        with Polling() as session, session.upgrading() as socket:
            session.park()
            socket.say("2probe")
            self.assertEqual(socket.text(), "3probe")
            self.assertEqual(session.getting.response().body, b"6")
            socket.say("5")
            socket.say("4hello")
            self.assertEqual(socket.text(), "4hello")

    def test_any_number_of_polls_is_ended_by_noops_until_the_upgrade_is_complete(self):
        with Polling() as session, session.upgrading() as socket:
            socket.say("2probe")
            self.assertEqual(socket.text(), "3probe")
            for _ in range(3):
                self.assertEqual(session.packets(), ["6"])
            socket.say("5")
            socket.say("4hello")
            self.assertEqual(socket.text(), "4hello")

    def test_polls_and_pushes_are_refused_after_the_upgrade(self):
        with Polling() as session, session.upgraded() as socket:
            socket.say("4first")
            self.assertEqual(socket.text(), "4first")
            self.assertEqual(session.poll().status, 400)
            self.assertEqual(session.push("4x").status, 400)
            socket.say("4hello")
            self.assertEqual(socket.text(), "4hello")

    def test_a_poll_behind_an_upgrade_that_did_not_wait_for_its_probe_is_refused(self):
        for _ in range(20):
            with Polling() as session, session.upgrading() as socket:
                socket.say("2probe")
                socket.say("5")
                self.assertEqual(session.poll().status, 400)
                socket.say("4hello")
                self.assertEqual([socket.text(), socket.text()], ["3probe", "4hello"])

    def test_a_second_websocket_after_the_upgrade_is_opened_and_closed(self):
        with Polling() as session, session.upgraded() as socket, session.upgrading() as second:
            self.assertNotIn(TEXT, [frame.opcode for frame in second.gone()])
            socket.say("4hello")
            self.assertEqual(socket.text(), "4hello")

    def test_a_second_websocket_during_the_upgrade_is_opened_and_closed(self):
        with Polling() as session, session.upgrading() as socket:
            socket.say("2probe")
            self.assertEqual(socket.text(), "3probe")
            with session.upgrading() as second:
                self.assertNotIn(TEXT, [frame.opcode for frame in second.gone()])
            socket.say("5")
            socket.say("4hello")
            self.assertEqual(socket.text(), "4hello")

    def test_a_websocket_for_a_session_over_websocket_is_opened_and_closed(self):
        with EngineSocket() as session, EngineSocket(sid=session.sid) as second:
            self.assertNotIn(TEXT, [frame.opcode for frame in second.gone()])
            session.say("4hello")
            self.assertEqual(session.text(), "4hello")

    def test_a_websocket_that_sends_something_else_than_a_probe_is_closed_and_polling_goes_on(self):
        for packet in ("4hello", "2", "3probe", "abc"):
            with Polling() as session, session.upgrading() as socket:
                socket.say(packet)
                self.assertNotIn(b"4hello", [frame.payload for frame in socket.gone()])
                session.tell("4still here")
                self.assertEqual(session.packets(), ["4still here"])

    def test_polling_goes_on_when_the_websocket_ends_before_the_upgrade(self):
        with Polling() as session:
            with session.upgrading() as socket:
                socket.say("2probe")
                self.assertEqual(socket.text(), "3probe")
            session.tell("4hello")
            got = ["6"]
            while got == ["6"]:  # the server may not have seen the end yet
                got = session.packets()
            self.assertEqual(got, ["4hello"])

    def test_polling_works_while_the_websocket_has_not_spoken(self):
        with Polling() as session, session.upgrading():
            session.tell("4hello")
            self.assertEqual(session.packets(), ["4hello"])

    def test_nothing_is_lost_or_reordered_over_the_upgrade(self):
        with Polling() as session, session.upgrading() as socket:
            session.tell("4polled 1", binary(b"polled 2"))
            socket.say("2probe")
            self.assertEqual(socket.text(), "3probe")
            session.tell("4polled 3")
            polled = []
            while (packets := session.packets()) != ["6"]:
                polled += packets
            socket.say("5")
            socket.say_binary(b"socket 4")
            socket.say("4socket 5")
            got = [packet for packet in polled if packet != "6"]
            while len(got) < 5:
                frame = socket.frame()
                got.append(binary(frame.payload) if frame.opcode == BINARY else frame.payload.decode())
            self.assertEqual(got, ["4polled 1", binary(b"polled 2"), "4polled 3", binary(b"socket 4"), "4socket 5"])

    def test_messages_that_wait_when_the_upgrade_ends_go_over_the_websocket(self):
        with Polling() as session, session.upgrading() as socket:
            socket.say("2probe")
            self.assertEqual(socket.text(), "3probe")
            self.assertEqual(session.packets(), ["6"])
            session.tell("4waiting", binary(b"\1\2"))
            socket.say("5")
            self.assertEqual(socket.frame(), Frame(TEXT, b"4waiting"))
            self.assertEqual(socket.frame(), Frame(BINARY, b"\1\2"))

    def test_fifty_sessions_upgrade_at_once(self):
        sessions = [Polling() for _ in range(50)]
        sockets = [session.upgrading() for session in sessions]
        for socket in sockets:
            socket.say("2probe")
        for socket in sockets:
            self.assertEqual(socket.text(), "3probe")
        for socket in sockets:
            socket.say("5")
        for at, socket in enumerate(sockets):
            socket.say(f"4number {at}")
        for at, socket in enumerate(sockets):
            self.assertEqual(socket.text(), f"4number {at}")
        for wire in (*sessions, *sockets):
            wire.__exit__()

    def test_a_websocket_close_after_the_upgrade_ends_the_session(self):
        with Polling() as session, session.upgraded() as socket:
            socket.say("1")
            socket.gone()
            with Wire() as wire:
                self.assertEqual(wire.request("GET", session.target()).status, 400)


if __name__ == "__main__":
    unittest.main()
