"""A raw TCP connection to the server, and HTTP/1.1 responses read from it, strictly. Every read has a deadline."""

import dataclasses
import socket
import time

import server

PATIENCE = 10.0  # seconds for what must happen


class Closed(Exception):
    """The server ended the connection where more was expected."""


@dataclasses.dataclass
class Response:
    status: int
    headers: list  # (name, value) in order
    body: bytes

    def all(self, name):
        return [value for given, value in self.headers if given.lower() == name.lower()]

    def header(self, name):
        """The value; None if absent. More than one is a fault of the server."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()


class Wire:
    def __init__(self, address=None):
        self.socket = socket.create_connection(address or server.address(), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def abort(self):
        """Ends with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def finish(self):
        """Sends FIN; the server can still answer."""
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data)

    def send_cut(self, data, size=1):
        """In pieces of `size`, each a segment of its own. A server that has refused may have stopped reading."""
        try:
            for at in range(0, len(data), size):
                self.socket.sendall(data[at:at + size])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _more(self):
        try:
            data = self.socket.recv(1 << 20)
        except socket.timeout:
            raise AssertionError(f"nothing came in {self.socket.gettimeout()} s; so far: {bytes(self.buffer[:200])!r}") from None
        except ConnectionResetError:
            raise Closed("reset") from None
        if not data:
            raise Closed(f"end of stream; unread: {bytes(self.buffer[:200])!r}")
        self.buffer += data

    def read(self, count):
        while len(self.buffer) < count:
            self._more()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_until(self, end):
        searched = 0
        while (at := self.buffer.find(end, searched)) < 0:
            searched = max(0, len(self.buffer) - len(end))
            self._more()
        return self.read(at + len(end))

    def read_to_end(self):
        """What comes before the server's FIN. A reset is a fault: it can destroy answers on their way."""
        while True:
            try:
                self._more()
            except Closed as end:
                assert str(end) != "reset", "the connection was reset"
                data = bytes(self.buffer)
                self.buffer.clear()
                return data

    def ended(self, within=PATIENCE):
        """True if the server ends the connection, in whatever way; what it still sends is dropped."""
        self.socket.settimeout(within)
        try:
            while self.socket.recv(1 << 20):
                pass
            return True
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False
        finally:
            self.socket.settimeout(PATIENCE)

    def taken(self):
        """Waits until the server has read all that was sent, as /proc/net/tcp shows its receive queue."""
        def hexed(address):
            return f"{int.from_bytes(socket.inet_aton(address[0]), 'little'):08X}:{address[1]:04X}"

        ends = f" {hexed(self.socket.getpeername())} {hexed(self.socket.getsockname())} "
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with open("/proc/net/tcp", encoding="ascii") as table:
                row = next((line for line in table if ends in line), None)
            if row is not None and row.split()[4].endswith(":00000000"):
                return
        raise AssertionError("the server does not read")

    def silent(self, seconds):
        """True if nothing comes for so long."""
        if self.buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self.buffer += self.socket.recv(1 << 16)
            return False
        except socket.timeout:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def response(self, head=False, interim=False):
        """The next response. head: of a HEAD, so without a body. interim: a 1xx is wanted; else it is a fault."""
        lines = self.read_until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name == name.strip() and name, f"a malformed header line: {line!r}"
            headers.append((name, value.strip()))
        response = Response(int(status), headers, b"")
        assert (response.status < 200) == interim, lines[0]
        if interim or response.status == 304 or response.status == 204:
            assert response.header("Content-Length") is None
            return response
        assert response.header("Date"), "a response has a Date"
        if response.header("Transfer-Encoding") == "chunked":
            response.body = self._chunks()
            return response
        length = response.header("Content-Length")
        assert length is not None and length.isdigit(), f"Content-Length: {length}"
        if not head:
            response.body = self.read(int(length))
        return response

    def _chunks(self):
        body = b""
        while size := int(self.read_until(b"\r\n")[:-2], 16):
            body += self.read(size + 2)[:-2]
        assert self.read(2) == b"\r\n", "no trailers"
        return body

    def request(self, method, target, headers=(), body=b"", **how):
        """Sends a well-formed request and reads its answer."""
        self.send(http(f"{method} {target} HTTP/1.1", *headers, body=body))
        return self.response(head=method == "HEAD", **how)


def lines(*texts):
    return b"".join((text if isinstance(text, bytes) else text.encode("latin-1")) + b"\r\n" for text in texts)


def http(first, *headers, body=b""):
    """A request of HTTP/1.1 with Host, and Content-Length if it has a body."""
    length = (f"Content-Length: {len(body)}",) if body else ()
    return lines(first, "Host: a", *headers, *length, "") + body
