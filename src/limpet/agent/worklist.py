"""From a goal state to the pieces of work in their order, and to what will be done for each and why. Pure.

What goes comes first, deepest dependency first; then the rest, by dependency level. `limpet plan` prints the result and does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.agent.lifecycle import NEEDS_PACKAGE, Direction, Step, Wish, steps
from limpet.model.extensions import Wanted
from limpet.model.manifest import HandlerState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.model.extensions import ExtensionSettings, ExtensionsGoalState, Handler
    from limpet.model.version import Version


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One piece of work: a handler, and the extension for whose sake it is touched (None: no settings).

    level: 0 and up for what is wanted, by dependency; below 0 for removals, which come first, dependents before
    what they depend on. Source: extensions.md §3.4.
    """

    handler: Handler
    settings: ExtensionSettings | None
    level: int

    @property
    def wish(self) -> Wish:
        """What the goal state wants here."""
        if self.handler.wanted is Wanted.UNINSTALL:
            return Wish.UNINSTALL
        if self.handler.wanted is Wanted.DISABLED:
            return Wish.DISABLE
        if self.settings is not None and self.settings.wanted is not Wanted.ENABLED:
            return Wish.WITHDRAW
        return Wish.ENABLE

    @property
    def extension(self) -> str | None:
        """The extension's own name, for multi-config handlers only."""
        return self.settings.name if self.settings is not None and self.handler.multi_config else None

    @property
    def title(self) -> str:
        """The name people know it by."""
        return self.handler.name if self.extension is None else f"{self.handler.name}.{self.extension}"


SUPPORTED_FEATURES = frozenset({"MultipleExtensionsPerHandler", "VersioningGovernance"})
"""Features the fabric may require. Source: wire-protocol.md §4.2."""


def unsupported_features(goal_state: ExtensionsGoalState) -> tuple[str, ...]:
    """What a goal state requires and this agent does not have; such a goal state is not processed."""
    return tuple(name for name in goal_state.required_features if name not in SUPPORTED_FEATURES)


def work_list(goal_state: ExtensionsGoalState) -> tuple[Item, ...]:
    """Every piece of work in its order; equal levels keep the goal state's order."""
    items = [
        _item(handler, settings)
        for handler in goal_state.handlers
        for settings in (handler.settings or (None,))
    ]
    return tuple(sorted(items, key=lambda item: item.level))


def _item(handler: Handler, settings: ExtensionSettings | None) -> Item:
    level = settings.dependency_level if settings is not None else 0
    item = Item(handler=handler, settings=settings, level=level)
    if item.wish is Wish.ENABLE:
        return item
    return Item(handler=handler, settings=settings, level=-level - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """A handler version that has a folder here."""

    name: str
    version: Version
    state: HandlerState


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedWork:
    """What will be done for one item, and why.

    version: the one worked on; old: another version that is installed, when the steps are an update.
    """

    version: Version
    old: Version | None
    steps: tuple[Step, ...]
    reason: str


def plan(item: Item, version: Version, installed: Iterable[Installed]) -> PlannedWork:
    """Decide the steps for `item` at `version`, given the versions of its handler that are here."""
    mine = [here for here in installed if here.name == item.handler.name]
    state = next(
        (here.state for here in mine if here.version.text == version.text), HandlerState.NOT_INSTALLED
    )
    others = [h.version for h in mine if h.version.text != version.text and h.state not in NEEDS_PACKAGE]
    old = max(others, default=None)
    direction = None if old is None else Direction.UPGRADE if version > old else Direction.DOWNGRADE
    chosen = steps(state, item.wish, direction)
    updating = Step.DISABLE_OLD in chosen
    return PlannedWork(
        version=version,
        old=old if updating else None,
        steps=chosen,
        reason=_reason(item, state, direction if updating else None, old),
    )


def _reason(item: Item, state: HandlerState, direction: Direction | None, old: Version | None) -> str:
    wanted = {
        Wish.ENABLE: "enabled",
        Wish.WITHDRAW: "this extension disabled",
        Wish.DISABLE: "disabled",
        Wish.UNINSTALL: "uninstalled",
    }[item.wish]
    if direction is not None:
        return f"wanted {wanted}; {old} is installed: {direction.value}"
    here = {
        HandlerState.NOT_INSTALLED: "not installed",
        HandlerState.INSTALLED: "installed, not enabled",
        HandlerState.ENABLED: "enabled",
        HandlerState.FAILED_UPGRADE: "left by a failed update",
    }[state]
    return f"wanted {wanted}; here it is {here}"


def installed_version(item: Item, installed: Iterable[Installed]) -> Version | None:
    """The highest version of an item's handler that has been installed here. Source: extensions.md §1.4.

    What a failed update has left is removed like one, but it is not what is enabled.
    """
    unusable = NEEDS_PACKAGE if item.wish is Wish.DISABLE else {HandlerState.NOT_INSTALLED}
    mine = (here for here in installed if here.name == item.handler.name)
    return max((here.version for here in mine if here.state not in unusable), default=None)
