"""One exchange with a client as values: the call that reached a service, and the reply to it.

No socket is in them, so routes are tested as functions, and the same route answers over TCP and inside the process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl, unquote


class Service(Enum):
    """The services of a fabric, each on its own port; all but DHCP speak HTTP. Source: wire-protocol.md §0."""

    WIRE_SERVER = "wire-server"
    HOST_PLUGIN = "host-plugin"
    IMDS = "imds"
    STORAGE = "storage"
    DHCP = "dhcp"


Headers = tuple[tuple[str, str], ...]
_AUTHORITY = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/]*")


def header(headers: Headers, name: str) -> str | None:
    """The first header called `name`, in any case, without surrounding blanks."""
    wanted = name.lower()
    return next((value.strip() for key, value in headers if key.lower() == wanted), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request as it reached a service.

    source: the client's address, by which VMs are told apart. target: path and query as sent.
    headers: in order, in the client's spelling.
    """

    service: Service
    source: str
    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, percent-decoded; an absolute target gives its path."""
        return unquote(_parts(self.target)[0]) or "/"

    @property
    def query(self) -> dict[str, str]:
        """The query's members; of doubled ones the first."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(_parts(self.target)[1], keep_blank_values=True):
            found.setdefault(name, value)
        return found

    def header(self, name: str) -> str | None:
        """The first header called `name`, in any case."""
        return header(self.headers, name)


def _parts(target: str) -> tuple[str, str]:
    """Path and query of a request's target, which may be anything: a library's reader of URLs refuses some."""
    path, _, query = target.partition("#")[0].partition("?")
    path = _AUTHORITY.sub("", path)
    return ("/" + path.lstrip("/") if path.startswith("/") else path), query


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """What the real fabric refuses about a request that could be answered all the same. status: its answer."""

    status: int
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer.

    remarks: what is odd about the request; kept in the ledger, never sent. objections: why the real fabric would have
    refused it: a strict one does so, a lenient one turns them into remarks.
    """

    status: int = 200
    body: bytes = b""
    headers: Headers = ()
    remarks: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()


XML = ("Content-Type", "text/xml; charset=utf-8")
JSON = ("Content-Type", "application/json; charset=utf-8")
