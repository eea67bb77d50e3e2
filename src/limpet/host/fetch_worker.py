"""The process that downloads and unpacks, for as long as there is work.

Its standard input is a socket over which each job arrives as a socket of its own: one line of JSON, then the request's
body; the answer goes back the same way, one line of JSON and the answer's body. Jobs run side by side, each in a
thread. It ends by itself a few seconds after the last one, or when the agent is gone.

    {"task": "fetch", "url": …, "destination": …, "headers": …, "limit": …, "timeout": …, "proxied": …, "proxy": …}
    {"task": "exchange", "method": …, "url": …, "headers": …, "limit": …, "timeout": …, "proxied": …, "proxy": …, "length": …}
    {"task": "send", "method": …, "url": …, "headers": …, "limit": …, "timeout": …, "source": …, "size": …}
    {"task": "unpack", "archive": …, "folder": …}

    {"status": …, "headers": …, "length": …}   or   {"unreachable": "why"}   or   {"host": "why"}
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from limpet.host.clock import Deadline
from limpet.host.download import download
from limpet.host.transfer import Call, transfer
from limpet.model.errors import FabricUnreachable, HostError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MEMORY = 512 * 1024**2
"""The most this process may allocate, bytes: an archive's table of contents is as large as its maker likes."""
_UNPACKING = 600.0
_STACK = 1024**2


class Jobs:
    """What is being done, and until when at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: list[Deadline] = []

    def begin(self, seconds: float) -> Deadline:
        """A job begins that may take so long."""
        deadline = Deadline(seconds)
        with self._lock:
            self._deadlines.append(deadline)
        return deadline

    def end(self, deadline: Deadline) -> None:
        """A job has ended."""
        with self._lock:
            self._deadlines.remove(deadline)

    @property
    def none_left(self) -> bool:
        """Whether nothing is being done that anyone still waits for."""
        with self._lock:
            return all(deadline.over for deadline in self._deadlines)


def main(arguments: Sequence[str]) -> int:
    """Work until there is nothing to do. arguments: seconds without work after which this process ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    threading.stack_size(_STACK)
    control = socket.socket(fileno=sys.stdin.fileno())
    control.settimeout(float(arguments[0]))
    jobs = Jobs()
    if not select.select([control], [], [], 0)[0]:
        _load_archive()
    while True:
        try:
            _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        except TimeoutError:
            if jobs.none_left:
                return 0
            continue
        if not descriptors:
            return 0
        stream = socket.socket(fileno=descriptors[0])
        threading.Thread(target=_serve, args=(stream, jobs), daemon=True).start()
        _load_archive()


def _load_archive() -> None:
    """Load what unpacking needs while nothing waits for it: before there is a job, or while the first one downloads."""
    import limpet.host.archive  # noqa: F401, PLC0415 - slow to load


def _serve(stream: socket.socket, jobs: Jobs) -> None:
    with stream, stream.makefile("rwb") as channel:
        job: dict[str, Any] = json.loads(channel.readline())
        body = channel.read(job.get("length", 0))
        deadline = jobs.begin(job.get("timeout", _UNPACKING))
        try:
            answer, content = _answer(job, body, deadline)
            channel.write(json.dumps({**answer, "length": len(content)}).encode() + b"\n" + content)
        except BrokenPipeError:
            pass  # the agent does not wait any more
        finally:
            jobs.end(deadline)


def _answer(job: Mapping[str, Any], body: bytes, deadline: Deadline) -> tuple[Mapping[str, object], bytes]:
    try:
        if job["task"] == "unpack":
            from pathlib import Path  # noqa: PLC0415 - slow to load, and here by now

            from limpet.host.archive import expand  # noqa: PLC0415 - loaded meanwhile

            expand(Path(job["archive"]), Path(job["folder"]))
            return {}, b""
        return _transferred(job, body, deadline)
    except FabricUnreachable as error:
        return {"unreachable": str(error)}, b""
    except HostError as error:
        return {"host": str(error)}, b""
    except MemoryError:
        return {"host": f"it needs more memory than the {_MEMORY} bytes that a download may use"}, b""


def _transferred(
    job: Mapping[str, Any], body: bytes, deadline: Deadline
) -> tuple[Mapping[str, object], bytes]:
    call = Call(
        method=job.get("method", "GET"),
        url=job["url"],
        headers=job["headers"],
        limit=job["limit"],
        body=body,
        proxied=job.get("proxied", True),
        proxy=job.get("proxy"),
    )
    if job["task"] == "send":
        from limpet.host.upload import upload  # noqa: PLC0415 - once an hour

        status, headers, content = upload(call, job["source"], job["size"], deadline)
        return {"status": status, "headers": dict(headers)}, content
    if job["task"] == "fetch":
        status, headers, content = download(call, job["destination"], deadline)
        return {"status": status, "headers": dict(headers)}, content
    with transfer(call, deadline) as incoming:
        return {"status": incoming.status, "headers": dict(incoming.headers)}, b"".join(incoming.body)
