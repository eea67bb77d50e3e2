"""Whether a VM has done what a goal state wants of a handler, read from its status reports. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TERMINAL = frozenset({"success", "error"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What was published for one handler.

    state: enabled, disabled or uninstall. sequence: of the settings, None when there are none.
    goal_state: how reports name the goal state they answer.
    """

    handler: str
    version: str
    state: str
    extension: str | None
    sequence: int | None
    goal_state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How it ended, with a sentence for people."""

    good: bool
    message: str


def outcome(wanted: Wanted, status: dict[str, Any]) -> Outcome | None:
    """The outcome that a report shows, or None while there is none. status: as the admin API gives it."""
    entries = [entry for entry in status["handlers"] if entry["name"].lower() == wanted.handler.lower()]
    answered = status["goalState"] or {}
    # The agent may report between taking a goal state and acting on it; then old entries say nothing.
    if str(answered.get("svdSequenceNumber")) != wanted.goal_state:
        return None
    if answered["status"] == "Failed" and not entries:
        return Outcome(good=False, message=f"the goal state failed: {_text(answered)}")
    if wanted.state == "uninstall":
        return None if entries else Outcome(good=True, message=f"{wanted.handler} is gone")
    for entry in entries:
        found = _of_entry(wanted, entry)
        if found is not None:
            return found
    return None


def _of_entry(wanted: Wanted, entry: dict[str, Any]) -> Outcome | None:
    settings = entry["settings"]
    if wanted.extension is not None and (settings is None or settings["extensionName"] != wanted.extension):
        return None
    name = f"{entry['name']} {entry['version']}"
    if wanted.state == "disabled":
        gone = entry["status"] == "NotReady" and entry["code"] == 0
        return Outcome(good=True, message=f"{name} is disabled: {_text(entry)}") if gone else None
    if (
        settings is not None
        and settings["sequenceNumber"] == wanted.sequence
        and _same(entry["version"], wanted.version)
    ):
        status = settings["status"]
        if status["status"] in TERMINAL:
            return Outcome(
                good=status["status"] == "success", message=f"{name} {status['status']}: {_text(status)}"
            )
    if entry["status"] == "NotReady" and entry["code"] != 0:
        return Outcome(good=False, message=f"{name} failed with code {entry['code']}: {_text(entry)}")
    if wanted.sequence is None and entry["status"] == "Ready" and _same(entry["version"], wanted.version):
        return Outcome(good=True, message=f"{name} is ready: {_text(entry)}")
    return None


def _same(version: str, wanted: str) -> bool:
    """Whether `version` serves a request for `wanted`: it may have more parts. Source: wire-protocol.md §4.5."""
    return version == wanted or version.startswith(f"{wanted}.")


def _text(of: dict[str, Any]) -> str:
    message = of.get("message")
    return str(message["message"]) if isinstance(message, dict) else "no message"
