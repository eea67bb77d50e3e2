"""Downloads in the worker: redirects, resumption, the size limit, and a file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from limpet.host.http1 import NotHttp, place
from limpet.host.transfer import Call, Incoming, transfer
from limpet.model.errors import FabricUnreachable, HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.host.clock import Deadline

_GIVEN = frozenset({200, 201, 202})
"""With these the body is what was asked for. Source: wire-protocol.md §0, rows 16 and 19."""
_PARTIAL = 206
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_MOST_ATTEMPTS = 4
_EXCERPT = 4096


class Outcome(NamedTuple):
    """How a download was answered. When status is 200, 201 or 202 the file is there; else body is the beginning of the answer's."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class _Moved(Exception):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


def download(call: Call, destination: str, deadline: Deadline) -> Outcome:
    """GET into a file. Raises: FabricUnreachable; HostError, when the file cannot be written.

    An answer that is cut is asked for again from where it ended, if its ETag says that it is still the same. Redirects
    are followed where a proxy may be used, which is: anywhere but at the fabric.
    """
    part = _Part(destination)
    try:
        outcome = _attempts(call, part, deadline)
        if outcome.status in _GIVEN:
            part.finish()
        return outcome
    finally:
        part.discard()


def _attempts(call: Call, part: _Part, deadline: Deadline) -> Outcome:
    redirects = attempts = 0
    while True:
        before = part.size
        try:
            return _once(call, part, deadline)
        except _Moved as moved:
            redirects += 1
            if redirects > _MOST_REDIRECTS:
                raise FabricUnreachable(
                    f"GET {_shown(call.url)}: more than {_MOST_REDIRECTS} redirects"
                ) from None
            call = _redirected(call, moved.url)
        except FabricUnreachable:
            attempts += 1
            if part.size == before or attempts == _MOST_ATTEMPTS or deadline.over:
                raise


def _once(call: Call, part: _Part, deadline: Deadline) -> Outcome:
    headers = dict(call.headers)
    resuming = part.size > 0 and part.etag is not None
    if resuming:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": part.etag or ""}
    with transfer(
        call._replace(headers=headers, limit=call.limit - part.size * resuming), deadline
    ) as incoming:
        if incoming.status in _REDIRECTS and call.proxied and "location" in incoming.headers:
            raise _Moved(incoming.headers["location"])
        if resuming and incoming.status == _PARTIAL:
            _check_range(call, part, incoming)
        elif incoming.status in _GIVEN:
            part.begin(incoming.headers.get("etag"))
        else:
            return Outcome(incoming.status, incoming.headers, _beginning(incoming))
        for piece in incoming.body:
            part.add(piece)
        return Outcome(200 if incoming.status == _PARTIAL else incoming.status, incoming.headers)


def _redirected(call: Call, location: str) -> Call:
    from urllib.parse import urljoin  # noqa: PLC0415 - slow to load and rarely needed

    try:
        url = urljoin(call.url, location)
        old, new = place(call.url), place(url)
    except (NotHttp, ValueError) as error:
        raise FabricUnreachable(
            f"GET {_shown(call.url)}: redirected to somewhere unusable: {error}"
        ) from error
    if old.tls and not new.tls:
        raise FabricUnreachable(
            f"GET {_shown(call.url)}: redirected from https to http, which is not followed"
        )
    same = (old.tls, old.host, old.port) == (new.tls, new.host, new.port)
    return call._replace(url=url, headers=call.headers if same else _harmless(call.headers))


def _harmless(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() == "user-agent"}


def _check_range(call: Call, part: _Part, incoming: Incoming) -> None:
    given = incoming.headers.get("content-range", "")
    if not given.startswith(f"bytes {part.size}-"):
        raise FabricUnreachable(
            f"GET {_shown(call.url)}: asked to go on at {part.size}, it answers {given[:60]!r}"
        )


def _beginning(incoming: Incoming) -> bytes:
    excerpt = b""
    with contextlib.suppress(FabricUnreachable):
        for piece in incoming.body:
            excerpt += piece
            if len(excerpt) >= _EXCERPT:
                break
    return excerpt[:_EXCERPT]


def _shown(url: str) -> str:
    return url.partition("?")[0][:500]


class _Part:
    """The file beside the destination that fills up. What a killed worker left there is written over."""

    def __init__(self, destination: str) -> None:
        self.size = 0
        self.etag: str | None = None
        self._destination = destination
        self._path = f"{destination}.part"
        with self._said():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)  # noqa: PTH108 - pathlib is slow to load
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o600)

    def begin(self, etag: str | None) -> None:
        """Start anew. etag: of the content; a weak one does not allow to go on in the middle."""
        with self._said():
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
        self.size = 0
        self.etag = etag if etag is not None and etag.startswith('"') else None

    def add(self, piece: bytes) -> None:
        """Write one piece."""
        view = memoryview(piece)
        with self._said():
            while view:
                written = os.write(self._file, view)
                self.size += written
                view = view[written:]

    def finish(self) -> None:
        """Put the file at its destination."""
        with self._said():
            os.rename(self._path, self._destination)  # noqa: PTH104 - pathlib is slow to load

    def discard(self) -> None:
        """Close, and leave nothing behind."""
        os.close(self._file)
        with contextlib.suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108 - pathlib is slow to load

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HostError(f"cannot write {self._destination}: {error.strerror or error}") from error
