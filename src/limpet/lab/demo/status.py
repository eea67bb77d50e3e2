"""The aggregate status, as the fabric's admin API gives it, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = ("handler", "version", "handler status", "extension", "code", "message")


def reported(status: Mapping[str, Any], handler: str) -> Mapping[str, Any]:
    """A handler's entry. Raises: KeyError."""
    for entry in status["handlers"]:
        if entry["name"] == handler:
            found: Mapping[str, Any] = entry
            return found
    raise KeyError(handler)


def said(entry: Mapping[str, Any]) -> str:
    """The message of an entry: the extension's where there is one, else the handler's."""
    settings = entry["settings"]
    own = settings["status"]["message"] if settings else None
    return _text(own or entry["message"])


def parts(entry: Mapping[str, Any]) -> Iterator[str]:
    """What the extension says of its parts (substatus), each with its name."""
    settings = entry["settings"]
    for part in settings["status"]["substatus"] if settings else ():
        yield f"{part['name']}: {_text(part['message'])}"


def both(entry: Mapping[str, Any]) -> str:
    """All that the entry says, as the handler's and the extension's word."""
    lines = [f"handler: {entry['status']}, code {entry['code']}", _text(entry["message"])]
    if settings := entry["settings"]:
        own = settings["status"]
        lines += ["", f"extension: {own['status']}, code {own['code']}", _text(own["message"])]
    return "\n".join(lines)


def _text(message: Mapping[str, Any] | None) -> str:
    """Without empty lines."""
    lines = str(message["message"]).splitlines() if message else []
    return "\n".join(line for line in lines if line.strip())


def summary(status: Mapping[str, Any]) -> str:
    """The agent and the outcome of the goal state, in a line."""
    guest, goal_state = status["guest"], status["goalState"]
    who = f"{guest['computerName']} · {guest['osName']} {guest['osVersion']} · limpet {guest['agentVersion']}"
    if goal_state is None:
        return f"{who} · {status['status']}"
    return (
        f"{who} · {status['status']} · goal state {goal_state['svdSequenceNumber']}: {goal_state['status']}"
    )


def rows(status: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """One row for each entry of the status."""
    for entry in status["handlers"]:
        settings = entry["settings"]
        own = settings["status"] if settings else None
        yield (
            entry["name"],
            entry["version"],
            entry["status"],
            str(own["status"]) if own else "-",
            str(own["code"] if own else entry["code"]),
            said(entry),
        )
