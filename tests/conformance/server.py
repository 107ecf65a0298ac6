"""The chatd-conformance that the cases talk to: one process for all of them, started by the first, ended with the run.

CHATD_CONFORMANCE_BIN names another executable than build/bin/chatd-conformance.
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


_shared = []


def address():
    """Where the shared server listens; starts it."""
    if not _shared:
        _shared.append(Conformance("--ping-interval", str(int(PING_INTERVAL * 1000)), "--ping-timeout",
                                   str(int(PING_TIMEOUT * 1000)), "--max-payload", str(MAX_PAYLOAD)))
        atexit.register(_stop)
    return _shared[0].address


def _stop():
    code = _shared.pop().stop()
    if code != 0:  # the last word of the run: unittest has counted its cases already
        print(f"chatd-conformance ended with {code} after SIGTERM", flush=True)
        os._exit(1)
