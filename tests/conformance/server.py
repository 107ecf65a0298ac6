"""The chatd-conformance that the cases talk to: two processes for all of them, started when first needed, ended with the run.

CHATD_CONFORMANCE_BIN names another executable than build/bin/chatd-conformance. CONFORMANCE_PATIENT and CONFORMANCE_HASTY
(HOST:PORT) name servers that run already, of chatd or of others, to compare with.
"""

import atexit
import os
import pathlib
import re
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("CHATD_CONFORMANCE_BIN", str(ROOT / "build/bin/chatd-conformance"))
READY = re.compile(r"^chatd-conformance ready on http://(.+):(\d+)$")
STOP_SECONDS = 20

# The timing that the suites of the socketio organization use.
PING_INTERVAL = 0.3
PING_TIMEOUT = 0.2
MAX_PAYLOAD = 1_000_000


class Conformance:
    """A process of the program. Its log goes to our standard error."""

    def __init__(self, *options):
        self.process = subprocess.Popen([PROGRAM, "--listen", "127.0.0.1:0", *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = READY.match(line)
        if not found:
            self.process.kill()
            raise RuntimeError(f"{PROGRAM} did not become ready: {line!r}")
        self.address = (found.group(1), int(found.group(2)))

    def stop(self):
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.stdout.close()


_running = {}


def _shared(name, interval, timeout):
    outside = os.environ.get(f"CONFORMANCE_{name}")
    if outside:
        host, port = outside.rsplit(":", 1)
        return host, int(port)
    if not _running:
        atexit.register(_stop)
    if name not in _running:
        _running[name] = Conformance("--ping-interval", str(int(interval * 1000)), "--ping-timeout", str(int(timeout * 1000)),
                                     "--max-payload", str(MAX_PAYLOAD))
    return _running[name].address


def address():
    """Of the one whose heartbeat does not get in the way of a case."""
    return _shared("PATIENT", 25, 20)


def hasty():
    """Of the one with PING_INTERVAL and PING_TIMEOUT."""
    return _shared("HASTY", PING_INTERVAL, PING_TIMEOUT)


def _stop():
    codes = {name: running.stop() for name, running in _running.items()}
    if any(codes.values()):  # the last word of the run: unittest has counted its cases already
        print(f"chatd-conformance did not end well after SIGTERM: {codes}", flush=True)
        os._exit(1)
