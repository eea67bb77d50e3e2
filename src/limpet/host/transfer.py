"""One request over any network, in the download worker: directly over a socket, or through urllib3 for TLS and proxies.

Loading urllib3 takes ten times as long as a small download, so it waits until it is needed. Either way the answer is
one value whose body is read piece by piece.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from limpet.host.clock import Deadline
from limpet.host.connection import connect, receive, send
from limpet.host.http1 import NotHttp, ResponseReader, place, request_head
from limpet.host.proxy import proxy_for
from limpet.model.errors import FabricUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.host.http1 import Place

_PIECE = 256 * 1024
SILENCE = 15.0
"""How long a connection may bring nothing, or not be there, seconds: there is another way to everything in storage."""
_LONGEST_NUMBER = 15  # digits of a length


class Call(NamedTuple):
    """What is asked. limit: largest body, bytes. proxied: whether a proxy may be used; proxy: one that is configured.

    silence: seconds after which a connection that brings nothing is given up.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    limit: int
    body: bytes = b""
    proxied: bool = True
    proxy: str | None = None
    silence: float = SILENCE


class Incoming(NamedTuple):
    """An answer as it comes in. Header names are lower case. body raises FabricUnreachable when it is cut."""

    status: int
    headers: Mapping[str, str]
    body: Iterator[bytes]


@contextlib.contextmanager
def transfer(call: Call, deadline: Deadline) -> Iterator[Incoming]:
    """Send a request and give the answer while the context lasts. Raises: FabricUnreachable."""
    with explained(call, deadline):
        where = place(call.url)
        proxy = None
        if call.proxied:
            proxy = proxy_for(tls=where.tls, host=where.host, configured=call.proxy, environment=os.environ)
    if where.tls or proxy is not None:
        opened = _through_urllib3(call, proxy, deadline)
    else:
        opened = _directly(call, where, deadline)
    with opened as incoming:
        yield incoming


@contextlib.contextmanager
def _directly(call: Call, where: Place, deadline: Deadline) -> Iterator[Incoming]:
    pieces: list[bytes] = []
    reader = ResponseReader(call.method, limit=call.limit, take=pieces.append)
    with contextlib.ExitStack() as stack:
        with explained(call, deadline):
            headers = {**call.headers, "Connection": "close"}
            head = request_head(call.method, where, headers, body_length=len(call.body))
            begun = Deadline(min(deadline.left(), call.silence))
            connection = stack.enter_context(connect(where, begun, names=True))
            send(connection, head + call.body, deadline)
            arriving = receive(connection, reader, deadline, silence=call.silence)
            while not reader.head_complete:
                next(arriving)

        def body() -> Iterator[bytes]:
            while True:
                yield from pieces
                pieces.clear()
                if reader.complete:
                    return
                with explained(call, deadline):
                    next(arriving, None)

        yield Incoming(reader.status, reader.headers, body())


@contextlib.contextmanager
def _through_urllib3(call: Call, proxy: str | None, deadline: Deadline) -> Iterator[Incoming]:
    import urllib3  # noqa: PLC0415 - see the module's docstring

    with contextlib.ExitStack() as stack:
        with explained(call, deadline):
            pool: urllib3.PoolManager
            if proxy is None:
                pool = urllib3.PoolManager()
            else:
                login = urllib3.util.parse_url(proxy).auth
                pool = urllib3.ProxyManager(
                    proxy, proxy_headers=urllib3.make_headers(proxy_basic_auth=login) if login else None
                )
            stack.callback(pool.clear)
            left = min(deadline.left(), call.silence)
            response = pool.request(
                call.method,
                call.url,
                body=call.body or None,
                headers={"Accept-Encoding": "identity", **call.headers},
                timeout=urllib3.Timeout(connect=left, read=left),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            stack.callback(response.close)
            _check_length(response.headers.get("Content-Length"), call)

        def body() -> Iterator[bytes]:
            received = 0
            while True:
                with explained(call, deadline):
                    piece = response.read1(_PIECE)
                    if not piece:
                        return
                    received += len(piece)
                    if received > call.limit:
                        raise NotHttp(f"its body is larger than the {call.limit} bytes that are accepted")
                    if deadline.over:
                        raise TimeoutError
                yield piece

        headers = {name.lower(): value for name, value in response.headers.items()}
        yield Incoming(response.status, headers, body())


def _check_length(announced: str | None, call: Call) -> None:
    digits = (announced or "").lstrip("0")
    if call.method == "HEAD" or not (digits.isascii() and digits.isdigit()):
        return
    if len(digits) > _LONGEST_NUMBER or int(digits) > call.limit:
        raise NotHttp(
            f"its body has {digits[: _LONGEST_NUMBER + 1]} bytes; at most {call.limit} are accepted"
        )


@contextlib.contextmanager
def explained(call: Call, deadline: Deadline) -> Iterator[None]:
    """Say what went wrong on the way as FabricUnreachable. Raises: FabricUnreachable."""
    try:
        yield
    except FabricUnreachable:
        raise
    except Exception as error:
        if isinstance(error, TimeoutError) and not deadline.over:
            problem = getattr(error, "strerror", None) or f"nothing came for {call.silence:g} s"
        elif isinstance(error, TimeoutError) or deadline.over:
            problem = getattr(error, "strerror", None) or f"no complete answer within {deadline.seconds:g} s"
        elif isinstance(error, NotHttp | OSError):
            problem = getattr(error, "strerror", None) or str(error)
        elif type(error).__module__.partition(".")[0] in {"urllib3", "ssl"}:
            problem = " ".join(str(error).split())
        else:
            raise
        url = call.url.partition("?")[0]
        raise FabricUnreachable(f"{call.method} {url[:500]}: {problem[:500]}") from error
