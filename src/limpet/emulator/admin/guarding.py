"""Keeps foreign web pages away from the admin API: it asks for no password, and a browser would carry their requests to it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from limpet.emulator.admin.problems import Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING = frozenset({"GET", "HEAD", "OPTIONS"})
MEDIA = frozenset({"application/json", "application/zip", "application/octet-stream"})
"""What a page may send: none of them goes anywhere else without the browser's asking first."""
OURS = frozenset({"same-origin", "none"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guarded:
    """The application, for those who may ask.

    Over TCP a request must name the loopback address that it goes to: a foreign name that was made to lead here does not.
    A request that a browser sends for a page must be for our own page. Programs send neither header, and are let in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        problem = objection(scope["method"], Headers(scope=scope), over_tcp=_over_tcp(scope))
        if problem is None:
            await self._app(scope, receive, guarded_send)
        else:
            await JSONResponse(problem.as_json(), status_code=problem.status)(scope, receive, guarded_send)


def objection(method: str, headers: Headers, *, over_tcp: bool) -> Problem | None:
    """Why a request is refused; None when it is not. over_tcp: browsers reach nothing else."""
    host = headers.get("host", "")
    if over_tcp and not _is_loopback(host):
        return _refused(
            f"{host[:80]!r} is not where this emulator listens",
            "Host",
            "use its own address, as it was printed",
        )
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return _refused(
            f"the page {origin[:80]!r} may ask nothing here", "Origin", "use the emulator's own page"
        )
    going_there = method in READING and headers.get("sec-fetch-mode") == "navigate"
    if site is not None and site not in OURS and not going_there:
        return _refused("another web page asks", "Sec-Fetch-Site", "use the emulator's own page")
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    by_a_browser = origin is not None or site is not None
    if by_a_browser and method not in READING and media not in MEDIA and _has_body(headers):
        return Problem(415, f"{media[:80]!r} is not JSON", where="Content-Type", todo="send application/json")
    return None


def _refused(what: str, where: str, todo: str) -> Problem:
    return Problem(403, what, where=where, todo=todo)


def _over_tcp(scope: Scope) -> bool:
    server = scope.get("server")
    return server is not None and server[1] is not None


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
