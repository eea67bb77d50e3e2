"""Extensions in the order of their dependency levels, each with what was reported of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.emulator.dashboard.shown import name, text
from limpet.model.extensions import Wanted

if TYPE_CHECKING:
    from limpet.emulator.world.vm import VirtualMachine
    from limpet.model.extensions import ExtensionSettings, Handler
    from limpet.model.status import HandlerStatus

MOST_EXTENSIONS = 80
MOST_SUBSTATUSES = 16
LONGEST_PART = 200


def levels(vm: VirtualMachine) -> list[dict[str, Any]]:
    """The newest goal state's extensions by level, lowest first; a handler without settings is of level 0.

    Source: wire-protocol.md §4.4.
    """
    report = vm.status
    reported = report.status.handlers if report and report.status else ()
    found: dict[int, list[dict[str, Any]]] = {}
    count = 0
    for handler in vm.newest.goal_state.handlers:
        for settings in handler.settings or (None,):
            count += 1
            if count <= MOST_EXTENSIONS:
                level = settings.dependency_level if settings else 0
                found.setdefault(level, []).append(_extension(handler, settings, reported))
    return [{"level": level, "extensions": found[level]} for level in sorted(found)]


def unasked(vm: VirtualMachine) -> list[dict[str, Any]]:
    """What is reported of handlers that the newest goal state does not name."""
    report = vm.status
    wanted = {handler.name.lower() for handler in vm.newest.goal_state.handlers}
    entries = report.status.handlers if report and report.status else ()
    return [
        {"handler": name(entry.name), "version": name(entry.version), **_told(entry)}
        for entry in entries[:MOST_EXTENSIONS]
        if entry.name.lower() not in wanted
    ]


def _extension(
    handler: Handler, settings: ExtensionSettings | None, reported: tuple[HandlerStatus, ...]
) -> dict[str, Any]:
    wanted = settings.wanted if settings and handler.wanted is Wanted.ENABLED else handler.wanted
    several = handler.multi_config and settings is not None
    entry = _entry(handler, settings.name if several and settings else None, reported)
    return {
        "handler": name(handler.name),
        "extension": name(settings.name) if several and settings else None,
        "version": name(handler.version),
        "wanted": wanted.value,
        "sequence": settings.sequence_number if settings else None,
        "waitsFor": [
            name(needed.handler + (f" {needed.extension}" if needed.extension else ""))
            for needed in (settings.dependencies if settings else ())[:MOST_SUBSTATUSES]
        ],
        **_told(entry),
    }


def _entry(
    handler: Handler, extension: str | None, reported: tuple[HandlerStatus, ...]
) -> HandlerStatus | None:
    mine = [entry for entry in reported if entry.name.lower() == handler.name.lower()]
    if extension is None:
        return mine[0] if mine else None
    named = [entry for entry in mine if entry.settings and entry.settings.extension_name == extension]
    return named[0] if named else None


def _told(entry: HandlerStatus | None) -> dict[str, Any]:
    """What was reported; state: ``waiting`` where nothing was, else the extension's word, else the handler's."""
    if entry is None:
        return {"state": "waiting", "reported": None}
    status = entry.settings.status if entry.settings else None
    word = status.status.value if status and status.status else None
    message = (status.message if status and status.message else None) or entry.message
    return {
        "state": word or text(entry.status, 40),
        "reported": {
            "version": name(entry.version),
            "handlerStatus": name(entry.status),
            "code": name(status.code if status else entry.code),
            "sequence": entry.settings.sequence_number if entry.settings else None,
            "message": text(message.message) if message else None,
            "operation": name(status.operation) if status else None,
            "substatuses": [
                {
                    "name": name(part.name),
                    "state": part.status.value,
                    "code": name(part.code),
                    "message": text(part.message.message, LONGEST_PART) if part.message else None,
                }
                for part in (status.substatus if status else ())[:MOST_SUBSTATUSES]
            ],
            "moreSubstatuses": max(0, len(status.substatus) - MOST_SUBSTATUSES) if status else 0,
        },
    }
