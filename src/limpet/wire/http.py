"""HTTP without a connection: requests and answers as values, what an answer means, and when another try is worth it.

Documents' modules make a `Request`; the Http port of `limpet.host.ports` sends it; `judge` or `accepted` reads the answer's code
the way the fabric means it; `Backoff` says how long to wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from limpet.model.errors import FabricBusy, FabricRefused, FabricStale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KIB = 1024
MIB = 1024 * KIB

DOCUMENT_LIMIT = 16 * MIB
"""Largest document taken from the fabric, bytes. Real ones are below 1 MiB; no bound is published."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked. Header names keep the spelling of the protocol documents.

    limit: largest body accepted in answer, bytes. timeout: for the whole exchange, seconds. proxied: whether it may go by a
    proxy, which no request to the fabric does.
    Source of the 10 s: wire-protocol.md §11.1.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    limit: int = DOCUMENT_LIMIT
    timeout: float = 10.0
    proxied: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What was answered. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Verdict(Enum):
    """What an answer means for the one who asked."""

    ACCEPTED = auto()
    UNCHANGED = auto()  # 304 to a conditional request
    TRY_LATER = auto()
    THROTTLED = auto()
    STALE = auto()  # our container id or role configuration is out of date
    REFUSED = auto()


_ACCEPTED = frozenset({200, 201, 202})
_THROTTLED = frozenset({403, 429, 503})
_TRY_LATER = frozenset({205, 206, 408, 500, 501, 502, 504, 507})


def judge(response: Response) -> Verdict:
    """Read a status code the way the fabric means it. Source: wire-protocol.md §11.1 (also why 204, 206 and 3xx fail)."""
    if response.status in _ACCEPTED:
        return Verdict.ACCEPTED
    if response.status == 304:
        return Verdict.UNCHANGED
    if response.status == 410:
        return Verdict.STALE
    if response.status == 400 and b"InvalidContainerConfiguration" in response.body[:4096]:
        return Verdict.STALE
    if response.status in _THROTTLED:
        return Verdict.THROTTLED
    if response.status in _TRY_LATER:
        return Verdict.TRY_LATER
    return Verdict.REFUSED


def accepted(response: Response, what: str) -> Response:
    """Give `response` back when it was accepted.

    what: the request in the field's words, for the message.
    Raises: FabricBusy (another try is worth it), FabricStale, FabricRefused.
    """
    verdict = judge(response)
    if verdict is Verdict.ACCEPTED:
        return response
    reason = response.body[:200].decode("utf-8", "replace").strip()
    message = f"{what}: the fabric answered {response.status}" + (f": {reason}" if reason else "")
    if verdict is Verdict.STALE:
        raise FabricStale(message, status=response.status)
    if verdict in {Verdict.TRY_LATER, Verdict.THROTTLED}:
        raise FabricBusy(message, status=response.status)
    raise FabricRefused(message, status=response.status)


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """How long to wait between attempts. Durations in seconds."""

    first: float = 1.0
    factor: float = 2.0
    ceiling: float = 60.0
    attempts: int = 6

    def delays(self, draw: Callable[[], float]) -> Iterator[float]:
        """One delay before each attempt but the first: 50 to 100 % of its nominal length.

        draw: uniform on [0, 1).
        """
        nominal = self.first
        for _ in range(self.attempts - 1):
            yield nominal * (0.5 + draw() / 2)
            nominal = min(nominal * self.factor, self.ceiling)
