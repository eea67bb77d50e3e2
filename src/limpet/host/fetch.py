"""Downloads, and what needs TLS or a proxy: the Fetcher port. The work is done in a short-lived process."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from limpet import __version__
from limpet.host.cgroups import inside
from limpet.host.clock import Deadline
from limpet.host.worker import worker_command
from limpet.model.errors import FabricUnreachable, HostError
from limpet.model.redact import redacted
from limpet.wire.http import Response, accepted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from limpet.wire.http import Request

_IDLE = 5.0
"""How long the worker waits for more work before it ends, seconds."""
_UNPACKING = 600.0
_GRACE = 5.0
"""How much longer than the work may take its answer is waited for, seconds."""
_PIECE = 256 * 1024


class WorkerFetcher:
    """The Fetcher port. Safe to use from several threads; their jobs run side by side in one worker."""

    def __init__(
        self, *, proxy: str | None = None, user_agent: str = f"limpet/{__version__}", idle: float = _IDLE
    ) -> None:
        """proxy: a URL; without one the environment's variables decide. Source: wire-protocol.md §11.3."""
        self._proxy = proxy
        self._user_agent = user_agent
        self._idle = idle
        self._lock = threading.RLock()  # a signal's handler may come while it is held
        self._aborted = False
        self._control: socket.socket | None = None
        self._groups: Sequence[Path] = ()

    def confine(self, groups: Sequence[Path]) -> None:
        """Let workers that are started from now on be in control groups."""
        self._groups = groups

    def fetch(
        self,
        url: str,
        destination: Path,
        *,
        headers: Mapping[str, str],
        limit: int,
        timeout: float,
        proxied: bool = True,
    ) -> None:
        """Put the body of a GET at `destination`, atomically.

        limit: bytes. timeout: for the whole download, seconds. proxied: whether a configured proxy may be used;
        False for the fabric's own addresses, where redirects are not followed either.
        Raises: FabricUnreachable, FabricRefused and its kind, HostError (disk).
        """
        job = {"task": "fetch", "url": url, "destination": str(destination), "proxied": proxied}
        response = self._transfer(job, headers, limit=limit, timeout=timeout)
        what = redacted(f"download of {url.partition('?')[0]}")
        accepted(response, what)

    def exchange(self, request: Request) -> Response:
        """Send a small request over any network (TLS, proxy), such as a status blob's direct PUT; give its answer.

        Raises: FabricUnreachable.
        """
        job = {
            "task": "exchange", "url": request.url, "method": request.method, "length": len(request.body),
            "proxied": request.proxied,
        }  # fmt: skip
        return self._transfer(
            job, request.headers, limit=request.limit, timeout=request.timeout, body=request.body
        )

    def send(self, request: Request, source: Path, *, size: int) -> Response:
        """Send a request to the fabric whose body is the file `source`; the worker reads it piece by piece.

        size: the most it may have, bytes. Raises: FabricUnreachable, HostError.
        """
        job = {
            "task": "send", "url": request.url, "method": request.method, "source": str(source), "size": size,
            "proxied": False,
        }  # fmt: skip
        return self._transfer(job, request.headers, limit=request.limit, timeout=request.timeout)

    def unpack(self, archive: Path, folder: Path) -> None:
        """Expand a handler's zip into a folder, all or nothing; what is there and not in the zip stays, but for manifests.

        Raises: HostError; then the folder is as it was.
        """
        self._work({"task": "unpack", "archive": str(archive), "folder": str(folder)}, timeout=_UNPACKING)

    def warm(self) -> None:
        """Start the worker ahead of need, so that the first job does not wait for it."""
        with self._lock:
            if not self._aborted and (self._control is None or _ended(self._control)):
                self._let_go()
                self._control = self._start()

    def close(self) -> None:
        """End the worker, if one runs."""
        with self._lock:
            self._let_go()

    def abort(self) -> None:
        """End the worker with all that it is doing, and start no other. May be called by a signal's handler."""
        self._aborted = True
        self.close()

    def _transfer(
        self,
        job: dict[str, Any],
        headers: Mapping[str, str],
        *,
        limit: int,
        timeout: float,
        body: bytes = b"",
    ) -> Response:
        sent = dict(headers)
        if not any(name.lower() == "user-agent" for name in sent):
            sent["User-Agent"] = self._user_agent
        job |= {"headers": sent, "limit": limit, "timeout": timeout, "proxy": self._proxy}
        answer, content = self._work(job, timeout=timeout, body=body)
        return Response(status=answer["status"], headers=answer["headers"], body=content)

    def _work(
        self, job: Mapping[str, Any], *, timeout: float, body: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        deadline = Deadline(timeout + _GRACE)
        line = json.dumps(job).encode() + b"\n"
        # A worker may be ending just when a job is handed to it. Then there is no answer at all, and another is asked.
        for _ in range(2):
            stream, control = self._hand_over()
            try:
                raw = _asked(stream, line + body, deadline)
            except TimeoutError:
                raise FabricUnreachable(f"no end within {timeout:g} s") from None
            if raw:
                return _understood(raw)
            self._forget(control)
        raise HostError("the download worker ended without an answer")

    def _hand_over(self) -> tuple[socket.socket, socket.socket]:
        """Open a channel to a worker, which is started if none takes it. Gives the channel and the worker's control."""
        with self._lock, contextlib.ExitStack() as stack:
            ours, theirs = map(stack.enter_context, socket.socketpair())
            if self._aborted:
                raise HostError("no download is wanted any more")
            if self._control is None or not _sent(self._control, theirs):
                self._let_go()
                self._control = self._start()
                if not _sent(self._control, theirs):
                    raise HostError("the download worker ends as soon as it is started")
            theirs.close()
            stack.pop_all()
            return ours, self._control

    def _forget(self, control: socket.socket) -> None:
        # Also before its process is gone: one that is being killed may close its channels before its control.
        with self._lock:
            if self._control is control:
                self._let_go()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                process = subprocess.Popen(
                    inside(self._groups, worker_command("fetch_worker", str(self._idle))),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise HostError(f"cannot start the download worker: {error.strerror or error}") from error

        def see_off() -> None:
            process.wait()
            self._forget(ours)

        threading.Thread(target=see_off, name="fetch-worker-end", daemon=True).start()
        return ours

    def _let_go(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


def _understood(raw: bytes) -> tuple[dict[str, Any], bytes]:
    first, _, content = raw.partition(b"\n")
    try:
        answer: dict[str, Any] = json.loads(first)
        complete = answer["length"] == len(content)
    except (ValueError, KeyError):
        complete = False
    if not complete:
        raise HostError("the download worker ended in the middle of its answer")
    if "unreachable" in answer:
        raise FabricUnreachable(redacted(answer["unreachable"]))
    if "host" in answer:
        raise HostError(redacted(answer["host"]))
    return answer, content


def _ended(control: socket.socket) -> bool:
    """Whether the worker at the other end is gone; what sees it off may not have been told yet."""
    try:
        return not control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _sent(control: socket.socket, stream: socket.socket) -> bool:
    try:
        socket.send_fds(control, [b"j"], [stream.fileno()])
    except OSError:
        return False
    return True


def _asked(stream: socket.socket, question: bytes, deadline: Deadline) -> bytes:
    """Send a question and read the answer to its end; empty when there is none. Raises: TimeoutError."""
    pieces: list[bytes] = []
    with stream:
        try:
            stream.settimeout(deadline.left())
            stream.sendall(question)
            while True:
                stream.settimeout(max(deadline.left(), 0.001))
                piece = stream.recv(_PIECE)
                if not piece:
                    return b"".join(pieces)
                pieces.append(piece)
        except ConnectionError:
            return b""
