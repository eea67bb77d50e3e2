"""A history for support: the documents of the latest goal states, redacted, and a copy of the last report.

Source: wire-protocol.md §2.8.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limpet.model.errors import HostError
from limpet.model.redact import redacted
from limpet.wire.ticks import seconds_to_text

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Clock, Files, Log

KEPT = 50
# In any letter case, as vmSettings may have it, and with quotation marks as JSON, XML or JSON inside JSON has them.
_QUOTE = rb"""(?:\\*"|&quot;|&#34;|&#x22;)"""
_NO_QUOTE = rb"""(?:[^"&\\]|&(?!quot;|#34;|#x22;)|\\(?!"))*"""
_PROTECTED = re.compile(
    rb"(protectedSettings" + _QUOTE + rb"\s*:\s*" + _QUOTE + rb")" + _NO_QUOTE, re.IGNORECASE
)
_FOLDER = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d__.+\Z")
_PRIVATE = 0o600


class History:
    """Writes one folder for each goal state and keeps the newest. A failure here is logged, never more."""

    def __init__(self, files: Files, clock: Clock, log: Log, folder: Path) -> None:
        self._files = files
        self._clock = clock
        self._log = log
        self._folder = folder
        self._current: Path | None = None

    def begin(self, tag: str, documents: dict[str, bytes]) -> None:
        """Open the folder of a new goal state and put its documents there. tag: incarnation and etag."""
        moment = seconds_to_text(self._clock.now()).rstrip("Z").replace(":", "-")
        self._current = self._folder / f"{moment}__{re.sub(r'[^A-Za-z0-9-]', '_', tag)[:80]}"
        for name, content in documents.items():
            self.keep(name, content)
        self._prune()

    def keep(self, name: str, content: bytes) -> None:
        """Put one document into the current folder, without its secrets."""
        if self._current is None:
            return
        text = redacted(_PROTECTED.sub(rb"\1<redacted>", content).decode("utf-8", "replace"))
        try:
            self._files.make_folder(self._current, mode=0o700)
            self._files.replace(self._current / name, text.encode(), mode=_PRIVATE, durable=False)
        except (HostError, OSError) as error:
            self._log.warning("history.unwritable", folder=self._current, problem=error)

    def _prune(self) -> None:
        try:
            folders = [name for name in self._files.names(self._folder) if _FOLDER.match(name)]
            for name in folders[:-KEPT]:
                self._files.remove(self._folder / name)
        except HostError as error:
            self._log.warning("history.unwritable", folder=self._folder, problem=error)
