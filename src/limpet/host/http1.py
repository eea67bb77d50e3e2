"""HTTP/1.1 as a client speaks it, without a socket: bytes of a request, and a reader that is fed what arrives.

It knows what the fabric and blob storage use and refuses the rest: no upgrades, no trailers of interest, no header
folding, no guesses about where a body ends. Source: RFC 9112. It imports almost nothing, because short-lived workers
use it too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEAD_LIMIT = 64 * 1024
"""Largest status line with headers that is accepted, bytes. The fabric's are below 2 KiB."""
HEADERS_LIMIT = 128
_CHUNK_LINE_LIMIT = 1024
_INTERIM_LIMIT = 8
_LONGEST_NUMBER = 15  # digits of a length: more than any limit needs, less than trouble

_URL = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>\d{1,5}))?"
    r"(?P<target>[/?][!-~]*)?\Z",
    re.IGNORECASE,
)
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\0\r\n]*)?\Z")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*\Z")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,%d})[ \t]*(?:;[^\0\r\n]*)?\Z" % _LONGEST_NUMBER)
_UNSAFE = re.compile(r"[\0\r\n]")


class NotHttp(Exception):
    """What arrived is not an answer that can be used; the message says why."""


class Place:
    """Where an http(s) URL points. host: an address or a name. target: path and query as they are sent."""

    __slots__ = ("host", "port", "target", "tls")

    def __init__(self, *, tls: bool, host: str, port: int, target: str) -> None:
        self.tls = tls
        self.host = host
        self.port = port
        self.target = target

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL for people: its query may carry a token and is left out."""
        return f"http{'s' * self.tls}://{self.authority}{self.target.partition('?')[0]}"


def place(url: str) -> Place:
    """Read a URL. Raises: NotHttp, for anything but plain http and https URLs without user names."""
    match = _URL.match(url.partition("#")[0])
    if match is None:
        raise NotHttp(f"{url.partition('?')[0][:200]!r} is not a usable http URL")
    tls = match["scheme"].lower() == "https"
    port = int(match["port"] or (443 if tls else 80))
    if not 0 < port < 65536:
        raise NotHttp(f"{match['port']} is not a port")
    target = match["target"] or "/"
    host = match["six"] or match["host"]
    return Place(tls=tls, host=host, port=port, target=target if target[0] == "/" else f"/{target}")


def request_head(method: str, where: Place, headers: Mapping[str, str], *, body_length: int) -> bytes:
    """The request line and headers. Host, Accept-Encoding and Content-Length are added where they are not given.

    Raises: NotHttp, when a value would end its line.
    """
    given = {name.lower() for name in headers}
    lines = [f"{method} {where.target} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {where.authority}")
    if "accept-encoding" not in given:
        lines.append("Accept-Encoding: identity")
    if (body_length or method in {"PUT", "POST"}) and "content-length" not in given:
        lines.append(f"Content-Length: {body_length}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any(map(_UNSAFE.search, lines)):
        raise NotHttp("a request header has a line break in it")
    return "\r\n".join([*lines, "", ""]).encode()


class ResponseReader:
    """One answer, read as it arrives.

    `feed` what was received until `complete`; `end` when the other side has closed. status and headers (names in lower
    case, repeated ones joined by commas) are there once `head_complete`; the body goes to `take`, piece by piece.
    """

    def __init__(self, method: str, *, limit: int, take: Callable[[bytes], object]) -> None:
        """limit: largest body, bytes."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.received = 0
        self.expected: int | None = None
        self.head_complete = False
        self._method = method
        self._limit = limit
        self._take = take
        self._buffer = bytearray()
        self._head_bytes = 0
        self._interim = 0
        self._chunk_left = 0
        self._persistent = False
        self._step: Callable[[], bool] | None = self._status_line

    @property
    def started(self) -> bool:
        """Whether anything has arrived."""
        return self._head_bytes > 0 or bool(self._buffer)

    @property
    def complete(self) -> bool:
        """Whether the whole answer is there."""
        return self._step is None

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request: the answer ended where it said, with nothing after it."""
        return self.complete and self._persistent and not self._buffer

    def feed(self, data: bytes) -> None:
        """Take what has arrived. Raises: NotHttp."""
        self._buffer += data
        while self._step is not None and self._step():
            pass

    def end(self) -> None:
        """The other side has closed. Raises: NotHttp, unless that is how this answer ends."""
        if self._step == self._to_end:
            self._step = None
        if self.complete:
            return
        if not self.started:
            raise NotHttp("the connection was closed without an answer")
        if not self.head_complete:
            raise NotHttp("the answer was cut in its headers")
        of = f" of {self.expected}" if self.expected is not None else ""
        raise NotHttp(f"the answer was cut after {self.received}{of} bytes of its body")

    # Each step takes what it can from the buffer and says whether another may follow at once.

    def _status_line(self) -> bool:
        begin = b"HTTP/1."
        if not begin.startswith(self._buffer[: len(begin)]):
            raise NotHttp(f"it is not HTTP: it begins with {bytes(self._buffer[:40])!r}")
        line = self._head_line()
        if line is None:
            return False
        match = _STATUS_LINE.match(line)
        if match is None:
            raise NotHttp(f"its status line is unusable: {line[:80]!r}")
        self.status = int(match[2])
        self.headers = {}
        self._persistent = match[1] == b"1"
        self._step = self._header_line
        return True

    def _header_line(self) -> bool:
        line = self._head_line()
        if line is None:
            return False
        if not line:
            self._end_of_head()
            return True
        match = _HEADER_LINE.match(line)
        if match is None:
            raise NotHttp(f"one of its headers is unusable: {line[:80]!r}")
        name, value = match[1].decode().lower(), match[2].decode("utf-8", "replace")
        self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        if len(self.headers) > HEADERS_LIMIT:
            raise NotHttp(f"it has more than {HEADERS_LIMIT} headers")
        return True

    def _end_of_head(self) -> None:
        if self.status < 200:
            self._interim += 1
            if self.status == 101 or self._interim > _INTERIM_LIMIT:
                raise NotHttp(f"it answers {self.status} where an end was expected")
            self._step = self._status_line
            return
        self.head_complete = True
        coding = self.headers.get("transfer-encoding")
        self.expected = self._content_length()
        if "close" in self.headers.get("connection", "").lower():
            self._persistent = False
        if self._method == "HEAD" or self.status in {204, 304}:
            self._step = None
        elif coding is not None:
            if coding.lower() != "chunked" or self.expected is not None:
                raise NotHttp(f"its length cannot be told: transfer-encoding {coding[:40]!r}")
            self._step = self._chunk_line
        elif self.expected is None:
            self._persistent = False
            self._step = self._to_end
        else:
            self._step = self._of_known_length if self.expected else None

    def _content_length(self) -> int | None:
        text = self.headers.get("content-length")
        if text is None:
            return None
        values = {value.strip() for value in text.split(",")}
        value = values.pop()
        if values or not (value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER):
            raise NotHttp(f"its length cannot be told: content-length {text[:40]!r}")
        if int(value) > self._limit and self._method != "HEAD":
            raise NotHttp(f"its body has {int(value)} bytes; at most {self._limit} are accepted")
        return int(value)

    def _of_known_length(self) -> bool:
        length = self.expected or 0
        self._deliver(length - self.received)
        if self.received == length:
            self._step = None
        return False

    def _to_end(self) -> bool:
        self._deliver(len(self._buffer))
        return False

    def _chunk_line(self) -> bool:
        line = self._line(_CHUNK_LINE_LIMIT)
        if line is None:
            return False
        match = _CHUNK_LINE.match(line)
        if match is None:
            raise NotHttp(f"a chunk of its body has an unusable length: {line[:40]!r}")
        self._chunk_left = int(match[1], 16)
        self._step = self._chunk if self._chunk_left else self._trailer_line
        return True

    def _chunk(self) -> bool:
        self._chunk_left -= self._deliver(self._chunk_left)
        if self._chunk_left:
            return False
        self._step = self._chunk_end
        return True

    def _chunk_end(self) -> bool:
        line = self._line(2)
        if line:
            raise NotHttp("a chunk of its body is longer than it says")
        if line is not None:
            self._step = self._chunk_line
        return line is not None

    def _trailer_line(self) -> bool:
        line = self._head_line()
        if line == b"":
            self._step = None
        return line is not None

    def _deliver(self, at_most: int) -> int:
        piece = bytes(self._buffer[:at_most])
        if self.received + len(piece) > self._limit:
            raise NotHttp(f"its body is larger than the {self._limit} bytes that are accepted")
        if piece:
            del self._buffer[: len(piece)]
            self.received += len(piece)
            self._take(piece)
        return len(piece)

    def _head_line(self) -> bytes | None:
        line = self._line(HEAD_LIMIT - self._head_bytes)
        self._head_bytes += len(line) + 1 if line is not None else 0
        return line

    def _line(self, limit: int) -> bytes | None:
        end = self._buffer.find(b"\n", 0, limit + 1)
        if end < 0:
            if len(self._buffer) > limit:
                raise NotHttp("it has a line that is too long, or too many lines, outside its body")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")
