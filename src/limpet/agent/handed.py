"""Sends the supervisor's events by telemetry, for the supervisor itself never talks to the fabric.

It leaves them in a file of the exchange folder (`limpet.guest.stage_events`): that a handover went well, or was taken back. Whichever
agent has the fabric lease sends each of them once, and says in its news that it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet import __version__
from limpet.guest.stage_events import EVENTS, HANDOVER, LARGEST, parse_events
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.agent.news import News
    from limpet.agent.telemetry import Telemetry
    from limpet.host.ports import Files, Log

NAME = "limpet-appliance"
"""The event's ``Name``."""


class Handed:
    """One look costs a look at a file's times."""

    def __init__(self, exchange: Path, files: Files, log: Log, news: News) -> None:
        """exchange: the exchange folder."""
        self._file = exchange / EVENTS
        self._files = files
        self._log = log
        self._news = news
        self._seen: object = None
        self._sent = 0

    def is_new(self) -> bool:
        """Whether something was written down since it was last taken up."""
        try:
            info = self._files.info(self._file)
        except HostError:
            return False
        return info is not None and (info.changed_ns, info.size) != self._seen

    def send(self, telemetry: Telemetry) -> float | None:
        """Send what is new, with all else that waits. Gives the seconds until what is left may go; None for nothing."""
        latest = self._take(telemetry) if self.is_new() else 0
        wait = telemetry.send()
        if latest > self._sent:
            self._sent = latest
            self._news.told(latest)
        return wait

    def _take(self, telemetry: Telemetry) -> int:
        """Note events that were not sent yet. Gives the latest one's number, 0 for none."""
        latest = 0
        try:
            info = self._files.info(self._file)
            self._seen = info and (info.changed_ns, info.size)
            events = parse_events(self._files.read(self._file, at_most=LARGEST))
        except FileNotFoundError:
            return 0
        except (HostError, MalformedDocument) as error:
            self._log.warning("events.unusable", file=self._file, problem=error)
            return 0
        for event in events:
            if event.number > self._sent:
                telemetry.did(
                    NAME,
                    __version__,
                    event.operation,
                    success=event.operation == HANDOVER,
                    message=event.message(),
                    seconds=event.gap or 0.0,
                    at=event.at,
                )
            latest = max(latest, event.number)
        return latest
