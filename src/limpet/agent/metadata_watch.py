"""Notices that the metadata service does not answer behind a network OS while the wire server does (F15).

The agent asks that service hardly ever, its extensions ask it for their tokens: a rule that drops those packets alone would stay
unseen. One small request a minute, by a connection of its own, meets what theirs meet. Any answer counts, also one that refuses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.model.errors import FabricUnreachable
from limpet.wire import imds

if TYPE_CHECKING:
    from limpet.agent.board import Board
    from limpet.agent.machine import Talking

METADATA_EVERY, METADATA_FIRST = 60.0, 15.0
"""Seconds between two looks, and from the start to the first: with the look at the host plugin, so that the agent wakes up once for both."""
AGAIN = 10.0
"""Seconds from one that got no answer to the next."""
_ANSWER = 5.0
"""How long an answer may take, seconds: the kernel begins the connection three times meanwhile."""
_TOPIC = "metadata"


class MetadataWatch:
    """A chore of the agent in a guest shell: what it finds stands in the agent's status, and goes to the supervisor with all trouble."""

    def __init__(self, board: Board, machine: Talking, endpoint: str) -> None:
        """endpoint: of the metadata service, with its port where that is not 80."""
        self._board = board
        self._http = machine.http
        self._log = machine.log
        asked = imds.versions_request(endpoint=endpoint)
        # A connection that was kept would pass where a new one does not.
        self._request = replace(asked, headers={**asked.headers, "Connection": "close"}, timeout=_ANSWER)
        self._silent = False

    def look(self) -> float:
        """Ask once. Gives the seconds until the next look."""
        try:
            self._http.exchange(self._request)
        except FabricUnreachable as error:
            if not self._silent:
                self._log.warning("metadata.silent", problem=error)
            self._silent = True
            self._board.trouble(_TOPIC, f"the instance metadata service does not answer: {error}")
            return AGAIN
        if self._silent:
            self._log.info("metadata.answers")
        self._silent = False
        self._board.trouble(_TOPIC, None)
        return METADATA_EVERY
