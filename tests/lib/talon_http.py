"""HTTP/1.1 spoken by hand, so that tests decide every byte: a connection that sends exact bytes, reads responses as
they come, and keeps what it saw for the message of a failing test.

    with Connection("127.0.0.1:8080") as c:
        c.send(request("POST", "/v1/chat/completions", {"model": "gpt-4o-mini"}, key="k"))
        response = c.read_response()
        response.status, response.header("x-request-id"), response.json()
"""

import json
import os
import socket
import struct
import threading
import time

PATIENCE = 4.0 if os.environ.get("TALON_SANITIZE") else 1.0
"""Deadlines grow by this factor in sanitizer builds."""

_seen_here = threading.local()


def deadline_after(seconds):
    return time.monotonic() + seconds * PATIENCE


def remember(line):
    """Adds a line to what a failing test prints (the last 40 exchanges of this thread)."""
    lines = _seen_here.__dict__.setdefault("lines", [])
    lines.append(line)
    del lines[:-40]


def remembered():
    return list(_seen_here.__dict__.get("lines", []))


def forget():
    _seen_here.lines = []


def _brief(data, limit=1500):
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else str(data)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


class ResponseError(AssertionError):
    """What came is not a whole HTTP response; `partial` holds the bytes."""

    def __init__(self, message, partial=b""):
        super().__init__(f"{message}; received: {_brief(partial)!r}")
        self.partial = partial


class Response:
    def __init__(self, status, reason, version, headers, raw_head):
        self.status = status
        self.reason = reason
        self.version = version
        self.headers = headers  # [(name, value)] in order
        self.raw_head = raw_head
        self.body = b""
        self.complete = False  # the body ended as its framing promised
        self.framing = "none"
        self.informational = []  # 1xx responses that came before

    def header(self, name, otherwise=None):
        found = self.all(name)
        return found[0] if found else otherwise

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise AssertionError(f"not JSON ({error}): {_brief(self.body)!r}, status {self.status}") from None

    @property
    def code(self):
        """The error code of Talon's envelope, or None."""
        try:
            return json.loads(self.body)["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None

    @property
    def evidence_id(self):
        return self.header("x-talon-evidence-id")

    def events(self):
        return parse_events(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {_brief(self.body)!r}{'' if self.complete else ' INCOMPLETE'}>"


def parse_events(body):
    """Data of each server-sent event, comments left out; every legal line end is understood."""
    text = body.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    events = []
    for block in text.split("\n\n"):
        data = [line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
        if data:
            events.append("\n".join(data))
    return events


def request(method, target, body=None, *, key=None, headers=(), host="talon.test", version="HTTP/1.1", length=True):
    """The bytes of a request. `body` is bytes, or anything JSON can say; `headers` are (name, value) pairs."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def chunked(body, sizes=(7,), extension=b"", trailer=b""):
    """`body` in chunked transfer coding, pieces of the given sizes in turn."""
    out, at, turn = b"", 0, 0
    while at < len(body):
        piece = body[at:at + sizes[turn % len(sizes)]]
        out += b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
        at += len(piece)
        turn += 1
    return out + b"0\r\n" + trailer + b"\r\n"


class Connection:
    """One TCP (or unix) connection. `timeout` bounds every wait for a byte."""

    def __init__(self, address, timeout=20.0, receive_buffer=None):
        self.buffer = b""
        self.closed = False
        self.reset = False
        timeout *= PATIENCE
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            target = address[5:]
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            host, port = address.rsplit(":", 1)
            target = (host, int(port))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(target)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def abort(self):
        """Closes with a reset, as a killed client's machine would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        remember(f">>> {_brief(data)!r}")
        self.socket.sendall(data)

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _fill(self):
        """Reads some bytes; False at the end of the stream."""
        if self.closed:
            return False
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            self.reset = True
            data = b""
        except TimeoutError:
            raise ResponseError("no byte within the deadline", self.buffer) from None
        if not data:
            self.closed = True
            return False
        self.buffer += data
        return True

    def read_until(self, mark):
        """Bytes up to and with `mark`, taken off the buffer. ResponseError when the stream ends before."""
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                out, self.buffer = self.buffer[:at + len(mark)], self.buffer[at + len(mark):]
                return out
            start = max(0, len(self.buffer) - len(mark))
            if not self._fill():
                raise ResponseError(f"the connection ended before {mark!r}", self.buffer)

    def read_exactly(self, count):
        while len(self.buffer) < count:
            if not self._fill():
                raise ResponseError(f"the connection ended, {count} bytes were due", self.buffer)
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def read_to_end(self):
        while self._fill():
            pass
        out, self.buffer = self.buffer, b""
        return out

    def ended(self):
        """True when the other side closed and no byte is left. Waits for it within the timeout."""
        return not self.buffer and not self._fill()

    def read_head(self):
        """Status line and headers of the next final response; `body` is still to be read."""
        informational = []
        while True:
            raw = self.read_until(b"\r\n\r\n")
            lines = raw.decode("latin-1").split("\r\n")
            version, _, rest = lines[0].partition(" ")
            status, _, reason = rest.partition(" ")
            if not version.startswith("HTTP/1.") or not status.isdigit():
                raise ResponseError("not a status line", raw)
            headers = []
            for line in lines[1:-2]:
                name, _, value = line.partition(":")
                headers.append((name, value.strip()))
            response = Response(int(status), reason, version, headers, raw)
            if response.status // 100 != 1:
                response.informational = informational
                return response
            informational.append(response)

    def read_body(self, response, method="POST", on_piece=None):
        """Reads the body as framed. When it is cut, `complete` stays False and what came is kept."""
        try:
            if method == "HEAD" or response.status in (204, 304):
                response.framing = "none"
            elif response.all("transfer-encoding") == ["chunked"]:
                response.framing = "chunked"
                while True:
                    size = int(self.read_until(b"\r\n").split(b";")[0], 16)
                    piece = self.read_exactly(size)
                    response.body += piece
                    if piece and on_piece:
                        on_piece(piece)
                    if self.read_exactly(2) != b"\r\n":
                        raise ResponseError("a chunk does not end in CRLF", response.body)
                    if size == 0:
                        break
            elif response.all("content-length"):
                response.framing = "length"
                due = int(response.header("content-length"))
                while len(self.buffer) < due and self._fill():
                    pass
                response.body, self.buffer = self.buffer[:due], self.buffer[due:]
                if len(response.body) < due:
                    return response
            else:
                response.framing = "close"
                response.body = self.read_to_end()
                response.complete = not self.reset
                return response
            response.complete = True
        except ResponseError as error:
            if "deadline" in str(error):
                raise
            response.body += error.partial if response.framing == "chunked" and not response.complete else b""
        return response

    def read_response(self, method="POST"):
        response = self.read_head()
        self.read_body(response, method)
        remember(f"<<< {response!r}")
        return response

    def exchange(self, data, method=None):
        self.send(data)
        return self.read_response(method or data.split(b" ", 1)[0].decode("latin-1"))


def fetch(address, method, target, body=None, timeout=20.0, **more):
    """One request on a connection of its own."""
    with Connection(address, timeout) as connection:
        return connection.exchange(request(method, target, body, **more), method)
