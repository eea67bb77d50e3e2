"""CVAC, the router's loader of day-0 files: what its log says of how far it is.

It applies lines one after the other, goes on after one that is refused, and loses lines when somebody types at the console
meanwhile; so nothing may configure the router before its done marker. Its messages, as they stand in public logs:
``%CVAC-4-CONFIG_DONE``, ``%CVAC-4-CLI_FAILURE: Configuration command failure: 'LINE' was rejected``, and
``%CVAC-3-CONFIG_ERROR: N error(s) while applying configs generated from file FILE``. Source: network-appliance.md §1.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from limpet.model.secret import Secret

CONFIGURATION_FILE = "iosxe_config.txt"
"""What it loads from the router's flash."""
LOG = "cvac.log"
LARGEST = 4 * 1024 * 1024
_MOST_REFUSED = 256

_MESSAGE = re.compile(r"%(?:MGBL-)?CVAC-\d-([A-Z_]{1,40}):?([^\r\n]*)")
_REFUSED = re.compile(r"'([^\r\n]*)' was rejected")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}\Z")


class Progress(Enum):
    """How far day 0 is. FAILED: it is at its end, and lines were refused; the others hold."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A line that IOS did not take. words: its first two, as far as they are words of IOS; the line may hold a secret."""

    words: str
    line: Secret[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CvacReport:
    """What a log says. refused: at most some hundred."""

    progress: Progress
    refused: tuple[Refused, ...] = ()

    def describe(self) -> str:
        """One line for people, without the customer's lines."""
        if not self.refused:
            return f"day-0 configuration: {self.progress.value}"
        words = ", ".join(dict.fromkeys(f"'{each.words} …'" for each in self.refused[:8]))
        return f"day-0 configuration: {self.progress.value}; {len(self.refused)} lines refused: {words}"


def read_cvac(text: str) -> CvacReport:
    """Read a log from its beginning. Of several passes over one log the last one counts; lines refused in any are told."""
    progress = Progress.RUNNING if text.strip() else Progress.WAITING
    refused: list[Refused] = []
    erred = False
    for message in _MESSAGE.finditer(text[:LARGEST]):
        kind, rest = message[1], message[2]
        if kind == "CONFIG_FOUND":
            progress, erred = Progress.RUNNING, False
        elif kind == "CLI_FAILURE":
            erred = True
            found = _REFUSED.search(rest)
            if found and len(refused) < _MOST_REFUSED:
                refused.append(Refused(words=_first_words(found[1]), line=Secret(found[1])))
        elif kind == "CONFIG_ERROR":
            progress, erred = Progress.FAILED, True
        elif kind == "CONFIG_DONE":
            progress = Progress.FAILED if erred else Progress.DONE
    return CvacReport(progress=progress, refused=tuple(refused))


def _first_words(line: str) -> str:
    words = line.split(None, 2)[:2]
    return " ".join(word if _WORD.match(word) else "***" for word in words)
