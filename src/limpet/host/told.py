"""Every exchange with the fabric in the log: for investigations, when log.verbose is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import FabricUnreachable

if TYPE_CHECKING:
    from limpet.host.ports import Clock, Http, Log
    from limpet.wire.http import Request, Response


class ToldHttp:
    """Another Http, with a line for each request: what was asked and answered, and how long that took. No bodies, no headers."""

    def __init__(self, http: Http, log: Log, clock: Clock) -> None:
        """http: what does the work."""
        self._http = http
        self._log = log
        self._clock = clock

    def exchange(self, request: Request) -> Response:
        """Send one request and give its answer. Raises: FabricUnreachable."""
        began = self._clock.monotonic()
        asked = {"method": request.method, "url": request.url, "sent": len(request.body)}
        try:
            response = self._http.exchange(request)
        except FabricUnreachable as error:
            self._log.info("http.failed", **asked, problem=error, seconds=self._clock.monotonic() - began)
            raise
        self._log.info(
            "http.exchange",
            **asked,
            status=response.status,
            received=len(response.body),
            seconds=self._clock.monotonic() - began,
        )
        return response
