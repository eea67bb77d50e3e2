"""What is done to a handler: two complete tables and nothing else.

`OPERATIONS` answers every state with every wish. `UPDATES` replaces the way to an installed handler when
another version of it is installed here. Source: extensions.md §3.6, §3.7.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from limpet.model.manifest import HandlerState

if TYPE_CHECKING:
    from collections.abc import Mapping


class Wish(Enum):
    """What a goal state wants of one extension and its handler."""

    ENABLE = "enable"
    WITHDRAW = "withdraw"  # one extension of a multi-config handler, the handler stays
    DISABLE = "disable"
    UNINSTALL = "uninstall"


class Step(Enum):
    """One thing that is done. Values are words for people."""

    DOWNLOAD = "download and unpack the package"
    WRITE_SETTINGS = "write the settings"
    INSTALL = "run install"
    ENABLE = "run enable"
    DISABLE = "run disable"
    DISABLE_EVERY = "run disable for every enabled extension"
    UNINSTALL = "run uninstall"
    REMOVE = "remove the package"
    FORGET = "remove the extension's settings and status"
    DISABLE_OLD = "run the old version's disable"
    CARRY_OVER = "copy mrseq and status files from the old version"
    UPDATE = "run the new version's update"
    UPDATE_BY_OLD = "run the old version's update"
    UNINSTALL_OLD = "run the old version's uninstall"
    REMOVE_OLD = "remove the old version's package"
    INSTALL_IF_UPDATE_MODE = "run install, unless the manifest's updateMode is without install"


class Direction(Enum):
    """How the wanted version compares with the one installed."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"


_FRESH = (Step.DOWNLOAD, Step.WRITE_SETTINGS, Step.INSTALL, Step.ENABLE)
_AGAIN = (Step.WRITE_SETTINGS, Step.ENABLE)

OPERATIONS: Mapping[tuple[HandlerState, Wish], tuple[Step, ...]] = {
    (HandlerState.NOT_INSTALLED, Wish.ENABLE): _FRESH,
    (HandlerState.INSTALLED, Wish.ENABLE): _AGAIN,
    (HandlerState.ENABLED, Wish.ENABLE): _AGAIN,
    (HandlerState.FAILED_UPGRADE, Wish.ENABLE): _FRESH,
    (HandlerState.NOT_INSTALLED, Wish.WITHDRAW): (),
    (HandlerState.INSTALLED, Wish.WITHDRAW): (Step.FORGET,),
    (HandlerState.ENABLED, Wish.WITHDRAW): (Step.DISABLE, Step.FORGET),
    (HandlerState.FAILED_UPGRADE, Wish.WITHDRAW): (Step.FORGET,),
    (HandlerState.NOT_INSTALLED, Wish.DISABLE): (),
    (HandlerState.INSTALLED, Wish.DISABLE): (),
    (HandlerState.ENABLED, Wish.DISABLE): (Step.DISABLE_EVERY,),
    (HandlerState.FAILED_UPGRADE, Wish.DISABLE): (),
    (HandlerState.NOT_INSTALLED, Wish.UNINSTALL): (Step.REMOVE,),
    (HandlerState.INSTALLED, Wish.UNINSTALL): (Step.UNINSTALL, Step.REMOVE),
    (HandlerState.ENABLED, Wish.UNINSTALL): (Step.DISABLE_EVERY, Step.UNINSTALL, Step.REMOVE),
    (HandlerState.FAILED_UPGRADE, Wish.UNINSTALL): (Step.UNINSTALL, Step.REMOVE),
}


def _update(update: Step, last: Step) -> tuple[Step, ...]:
    return (
        Step.DOWNLOAD,
        Step.WRITE_SETTINGS,
        Step.DISABLE_OLD,
        Step.CARRY_OVER,
        update,
        Step.UNINSTALL_OLD,
        Step.REMOVE_OLD,
        Step.INSTALL_IF_UPDATE_MODE,
        last,
    )


UPDATES: Mapping[tuple[Direction, Wish], tuple[Step, ...]] = {
    (Direction.UPGRADE, Wish.ENABLE): _update(Step.UPDATE, Step.ENABLE),
    (Direction.DOWNGRADE, Wish.ENABLE): _update(Step.UPDATE_BY_OLD, Step.ENABLE),
    (Direction.UPGRADE, Wish.WITHDRAW): _update(Step.UPDATE, Step.FORGET),
    (Direction.DOWNGRADE, Wish.WITHDRAW): _update(Step.UPDATE_BY_OLD, Step.FORGET),
}

NEEDS_PACKAGE = frozenset({HandlerState.NOT_INSTALLED, HandlerState.FAILED_UPGRADE})
"""States in which a wanted handler must be downloaded, and in which an old version does not count as installed."""


def steps(state: HandlerState, wish: Wish, direction: Direction | None) -> tuple[Step, ...]:
    """The steps for a handler version in `state`; direction: None where no other version is installed."""
    if direction is not None and state in NEEDS_PACKAGE and (direction, wish) in UPDATES:
        return UPDATES[direction, wish]
    return OPERATIONS[state, wish]


COMMAND_SECONDS: Mapping[Step, float] = {
    Step.INSTALL: 900,
    Step.INSTALL_IF_UPDATE_MODE: 900,
    Step.UPDATE: 900,
    Step.UPDATE_BY_OLD: 900,
    Step.DISABLE: 900,
    Step.DISABLE_EVERY: 900,
    Step.DISABLE_OLD: 900,
    Step.ENABLE: 300,
    Step.UNINSTALL: 300,
    Step.UNINSTALL_OLD: 300,
}
"""How long a command may take, seconds. Source: extensions.md §4.3."""
