"""Engine.IO 4: pings by the server, and the end of who does not answer, at an interval of 300 ms and a timeout of 200 ms."""

import time
import unittest

import server
from engine_io import EngineSocket, Polling
from websocket import TEXT, frame

# A timer may be late on a busy machine, never early; a millisecond is the resolution of what was promised.
EARLY = 0.001
LATE = 0.15
# The timeout counts from when the ping was due, and the ping itself may have come as much later.
COUNTED = 0.012


class Clock:
    def __init__(self):
        self.start = time.monotonic()

    def lap(self):
        now = time.monotonic()
        passed, self.start = now - self.start, now
        return passed


class Heartbeat(unittest.TestCase):
    def within(self, passed, wanted, early=EARLY):
        self.assertGreaterEqual(passed, wanted - early, "not before its time")
        self.assertLess(passed, wanted + LATE, "not long after its time")

    def polling(self):
        return Polling(address=server.hasty())

    def socket(self):
        return EngineSocket(address=server.hasty())

    def test_pings_come_over_polling(self):
        with self.polling() as session:
            for _ in range(3):
                self.assertEqual(session.packets(), ["2"])
                session.tell("3")

    def test_pings_come_over_websocket(self):
        with self.socket() as session:
            for _ in range(3):
                self.assertEqual(session.text(), "2")
                session.say("3")

    def test_the_first_ping_comes_an_interval_after_the_opening(self):
        before = time.monotonic()
        with self.socket() as session:
            self.assertEqual(session.text(), "2")
            passed = time.monotonic() - before
            self.within(passed, server.PING_INTERVAL)

    def test_the_next_ping_comes_an_interval_after_the_last(self):
        with self.socket() as session:
            self.assertEqual(session.text(), "2")
            clock = Clock()
            for _ in range(3):
                session.say("3")
                self.assertEqual(session.text(), "2")
                self.within(clock.lap(), server.PING_INTERVAL)

    def test_a_pong_just_before_the_timeout_is_in_time(self):
        with self.socket() as session:
            self.assertEqual(session.text(), "2")
            # The wait is what the case is about; messages meanwhile are no pongs.
            self.assertTrue(session.silent(server.PING_TIMEOUT * 0.5))
            session.say("3")
            self.assertEqual(session.text(), "2")

    def test_a_websocket_without_pongs_is_closed_at_the_timeout(self):
        with self.socket() as session:
            self.assertEqual(session.text(), "2")
            clock = Clock()
            self.assertNotIn(TEXT, [got.opcode for got in session.gone()])
            self.within(clock.lap(), server.PING_TIMEOUT, COUNTED)

    def test_messages_are_no_pongs(self):
        with self.socket() as session:
            self.assertEqual(session.text(), "2")
            clock = Clock()
            session.send(b"".join(frame(TEXT, f"4{i}") for i in range(50)))
            self.assertEqual([got.payload for got in session.gone() if got.opcode == TEXT], [b"4%d" % i for i in range(50)])
            self.within(clock.lap(), server.PING_TIMEOUT, COUNTED)

    def test_a_session_over_polling_without_pongs_is_gone_after_the_timeout(self):
        with self.polling() as session:
            clock = Clock()
            self.assertEqual(session.packets(), ["2"])
            response = session.poll()  # parked until the end
            self.within(clock.lap(), server.PING_INTERVAL + server.PING_TIMEOUT)
            self.assertTrue(response.status == 400 or response.body == b"1", response)
            self.assertTrue(session.gone())

    def test_a_session_that_nobody_polls_is_gone_after_the_timeout(self):
        with self.polling() as session:
            # A parked poll of another session tells the time.
            with self.polling() as clock:
                self.assertEqual(clock.packets(), ["2"])
                clock.poll()
            self.assertEqual(session.push("4x").status, 400)
            self.assertTrue(session.gone())

    def test_a_session_that_polls_late_but_in_time_lives(self):
        with self.polling() as session, self.polling() as clock:
            self.assertEqual(clock.packets(), ["2"])  # the ping of the session waits since then
            self.assertEqual(session.packets(), ["2"])
            session.tell("3")
            self.assertEqual(session.packets(), ["2"])

    def test_the_heartbeat_goes_on_after_an_upgrade(self):
        with self.polling() as session, session.upgraded() as socket:
            for _ in range(3):
                self.assertEqual(socket.text(), "2")
                socket.say("3")

    def test_a_session_that_does_not_answer_after_its_upgrade_is_closed(self):
        with self.polling() as session, session.upgraded() as socket:
            self.assertEqual(socket.text(), "2")
            self.assertNotIn(TEXT, [got.opcode for got in socket.gone()])

    def test_many_sessions_get_their_pings(self):
        sessions = [self.socket() for _ in range(100)]
        for session in sessions:
            self.assertEqual(session.text(), "2")
            session.say("3")
        for session in sessions:
            self.assertEqual(session.text(), "2")
            session.close()


if __name__ == "__main__":
    unittest.main()
