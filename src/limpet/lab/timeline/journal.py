"""Entries of a VM's journal: what systemd says of units, and the events of limpet's programs, as moments."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from limpet.lab.timeline.moments import Moment, Tone

if TYPE_CHECKING:
    from limpet.lab.timeline.moments import Who

STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
STARTED = "39f53479d3a045ac8e11786248231fbf"
GIVEN_UP = "be02cf6855d2428ba40df7e9d022f03d"
ENDED = "98e322203f7a4ed290d09fe03c09fe15"
FINISHED_STARTING = "eed00a68ffd84e31882105fd973abdd1"
"""Journal entries of systemd: a unit is being started, has started, could not be started, its process has ended; and all has
started, as it is said in containers. Source: sd-messages(3)."""

WARNING = "4"
"""A journal entry's PRIORITY from which on it is told whatever it says. Source: syslog(3)."""

LONGEST_MESSAGE = 160

Words = Callable[[Mapping[str, str]], str | None]
"""From an event's fields to what is told of it; None when that is not worth a line."""


def journal_entry(line: bytes) -> Mapping[str, Any] | None:
    """A line of ``journalctl --output=json``; None for one that is no entry."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "__REALTIME_TIMESTAMP" in found else None


def time_of(entry: Mapping[str, Any]) -> float:
    """When it was written, in seconds since 1970."""
    return int(entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry["__REALTIME_TIMESTAMP"]) / 1_000_000


def event_moment(
    at: float, who: Who, entry: Mapping[str, Any], vocabulary: Mapping[str, Words]
) -> Moment | None:
    """The moment of an event of a program of ours; None for other entries, and for what has no words and is no warning."""
    event = entry.get("LIMPET_EVENT")
    if not isinstance(event, str):
        return None
    facts = {
        name.removeprefix("LIMPET_").lower(): value
        for name, value in entry.items()
        if name.startswith("LIMPET_") and name != "LIMPET_EVENT"
    }
    words = vocabulary.get(event)
    bad = entry.get("PRIORITY", "6") <= WARNING
    try:
        what = words(facts) if words is not None else None
    except KeyError:  # a program of another version, with other fields
        what = _message(entry)
    if what is None and bad:
        what = _message(entry)
    if what is None:
        return None
    return Moment(at=at, who=who, what=what, kind=event, tone=Tone.BAD if bad else Tone.PLAIN, facts=facts)


def _message(entry: Mapping[str, Any]) -> str:
    """In one or two lines: the log has the rest."""
    return textwrap.shorten(str(entry.get("MESSAGE", "")), LONGEST_MESSAGE, placeholder=" …")
