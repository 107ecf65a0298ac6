"""A Socket.IO client over one Engine.IO WebSocket, packets as text."""

import json

import server
from engine_io import EngineSocket
from websocket import BINARY, TEXT

PATH = "/socket.io/"


class SocketIo(EngineSocket):
    """Messages without the Engine.IO type: `say("40")` is `send_packet("0")`."""

    def __init__(self, address=None, connected=True, **query):
        super().__init__(PATH, address or server.address(), **query)
        if connected:
            self.connected = self.connect()

    def put(self, packet, *attachments):
        self.say("4" + packet)
        for attachment in attachments:
            self.say_binary(attachment)

    def get(self):
        """The next Socket.IO packet's text; pings are answered on the way."""
        while True:
            got = self.frame()
            assert got.opcode == TEXT, got
            text = got.payload.decode()
            if text == "2":
                self.say("3")
                continue
            assert text.startswith("4"), text
            return text[1:]

    def attachment(self):
        got = self.frame()
        assert got.opcode == BINARY, got
        return got.payload

    def connect(self, nsp="", payload=""):
        """Joins a namespace ("" or "/custom,"); the answer's payload. The auth event must carry what was sent."""
        self.put(f"0{nsp}{payload}")
        answer = self.get()
        assert answer.startswith(f"0{nsp}{{"), answer
        told = self.get()
        assert told == f'2{nsp}["auth",{payload or "{}"}]', told
        return json.loads(answer[1 + len(nsp):])

    def alive(self):
        """An event goes to and fro in the main namespace."""
        self.put('2["message","alive?"]')
        assert self.get() == '2["message-back","alive?"]'
