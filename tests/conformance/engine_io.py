"""Engine.IO clients, revision 4 (and 3 over polling), over raw HTTP and WebSocket."""

import base64
import json

import server
from wire import Wire, http
from websocket import WebSocket, handshake

SEPARATOR = "\x1e"
PATH = "/engine.io/"


def target(path=PATH, **query):
    """None leaves a parameter out."""
    given = {"EIO": "4", "transport": "polling", **query}
    return path + "?" + "&".join(f"{key}={value}" for key, value in given.items() if value is not None)


def length_prefixed(packets):
    """A payload of revision 3: lengths in UTF-16 code units, as its clients count."""
    return "".join(f"{len(packet.encode('utf-16-le')) // 2}:{packet}" for packet in packets)


def length_split(payload):
    packets = []
    units = payload.encode("utf-16-le")
    while units:
        length, _, _ = units.decode("utf-16-le", "surrogatepass").partition(":")
        start = 2 * (len(length) + 1)
        packets.append(units[start:start + 2 * int(length)].decode("utf-16-le"))
        units = units[start + 2 * int(length):]
    return packets


class Polling:
    """A session over polling. GETs and POSTs have a connection each, as with a browser."""

    def __init__(self, path=PATH, address=None, revision=4, **query):
        self.address = address or server.address()
        self.path = path
        self.revision = revision
        self.query = {"EIO": str(revision), **query}
        self.getting = Wire(self.address)
        self.posting = Wire(self.address)
        response = self.getting.request("GET", target(path, **self.query))
        assert response.status == 200, response
        self.opening = self.split(response.text)
        assert self.opening[0].startswith("0"), self.opening
        self.open = json.loads(self.opening[0][1:])
        self.sid = self.open["sid"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.getting.close()
        self.posting.close()

    def split(self, payload):
        return length_split(payload) if self.revision == 3 else payload.split(SEPARATOR)

    def joined(self, packets):
        return length_prefixed(packets) if self.revision == 3 else SEPARATOR.join(packets)

    def target(self, **query):
        return target(self.path, sid=self.sid, **self.query, **query)

    def ask(self, wire=None):
        """Sends a GET and does not wait for its answer."""
        (wire or self.getting).send(http(f"GET {self.target()} HTTP/1.1"))

    def park(self):
        """A GET that the server has read and has no answer for."""
        self.ask()
        self.getting.taken()

    def poll(self):
        """The answer of a GET, its own or a parked one's."""
        self.ask()
        return self.getting.response()

    def packets(self):
        response = self.poll()
        assert response.status == 200, response
        return self.split(response.text)

    def push(self, *packets, body=None):
        """The answer of a POST."""
        sent = self.joined(packets).encode() if body is None else body
        return self.posting.request("POST", self.target(), ("Content-Type: text/plain;charset=UTF-8",), body=sent)

    def tell(self, *packets):
        response = self.push(*packets)
        assert (response.status, response.body) == (200, b"ok"), response

    def gone(self):
        """True if the server knows the session no more."""
        return Wire(self.address).request("GET", self.target()).status == 400

    def upgrading(self):
        """A WebSocket for this session that has not said anything."""
        return EngineSocket(self.path, self.address, sid=self.sid, **{**self.query, "transport": "websocket"})

    def upgraded(self):
        """The WebSocket after the whole upgrade."""
        socket = self.upgrading()
        socket.say("2probe")
        assert socket.text() == "3probe"
        assert self.packets() == ["6"]
        socket.say("5")
        return socket


class EngineSocket(WebSocket):
    """A WebSocket to an Engine.IO path; without `sid` a session of its own, of which it has read the opening."""

    def __init__(self, path=PATH, address=None, headers=(), sid=None, **query):
        self.query = {"transport": "websocket", **query}
        super().__init__(target(path, sid=sid, **self.query), headers, address=address)
        self.sid = sid
        if sid is None:
            opening = self.text()
            assert opening.startswith("0"), opening
            self.open = json.loads(opening[1:])
            self.sid = self.open["sid"]


def refused_socket(query_target, address=None):
    """The response to a WebSocket request that is not granted."""
    with Wire(address) as wire:
        wire.send(handshake(query_target))
        return wire.response()


def binary(data):
    """A binary message in a polling payload of revision 4."""
    return "b" + base64.b64encode(data).decode()
