"""Recognising a platform that refuses all that this agent asks: the Metadata Security Protocol, enforced.

Then requests must be signed by the platform's own proxy agent in the VM, which catches connections of its network namespace only.
Source: network-appliance.md §3.5, F16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.board import Board
    from limpet.host.ports import Clock, Http, Log
    from limpet.wire.http import Request, Response

REFUSALS = frozenset({401, 403})
IN_A_ROW = 4
LASTING = 10.0
"""A fabric that is busy says 403 too, but not to everything and not for so long, seconds. Source: wire-protocol.md §11.1."""
_ADVICE = (
    "the platform may enforce its Metadata Security Protocol for this VM, and this agent's requests are not signed:"
    " set it to Audit, or run the platform's proxy agent in the agent's network (docs/guest-shell.md)"
)


class WatchedHttp:
    """Another Http, with an eye on answers that refuse. Safe to use from several threads: a count that is off by one does no harm."""

    def __init__(self, http: Http, board: Board, clock: Clock, log: Log, services: Mapping[str, str]) -> None:
        """http: what does the work. services: what each is called, by its address as URLs have it."""
        self._http = http
        self._board = board
        self._clock = clock
        self._log = log
        self._services = services
        self._refused: dict[str, tuple[int, float]] = {}

    def exchange(self, request: Request) -> Response:
        """Send one request and give its answer. Raises: FabricUnreachable."""
        response = self._http.exchange(request)
        service = self._services.get(request.url.split("/", 3)[2].removesuffix(":80"))
        if service is None:
            return response
        if response.status in REFUSALS:
            self._count(service, response.status)
        elif service in self._refused:
            del self._refused[service]
            self._board.trouble(service, None)
        return response

    def _count(self, service: str, status: int) -> None:
        now = self._clock.monotonic()
        count, since = self._refused.get(service, (0, now))
        self._refused[service] = count + 1, since
        if count + 1 < IN_A_ROW or now - since < LASTING:
            return
        text = f"{service} refuses every request with {status}: {_ADVICE}"
        if text not in self._board.troubles:
            self._log.error("fabric.refuses_all", service=service, status=status, advice=_ADVICE)
        self._board.trouble(service, text)
