"""What a goal state would do here, item after item, each seeing what those before it have done: `limpet plan`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.agent.lifecycle import Step, Wish
from limpet.agent.worklist import (
    Installed,
    Item,
    PlannedWork,
    installed_version,
    plan,
    unsupported_features,
    work_list,
)
from limpet.model.errors import HandlerError
from limpet.model.manifest import HandlerState
from limpet.model.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from limpet.agent.policy import Policy
    from limpet.agent.policy_file import PolicyFile
    from limpet.model.extensions import ExtensionsGoalState, Handler


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreseen:
    """One item: the work that would be done, or why it would be refused."""

    item: Item
    work: PlannedWork | None = None
    refusal: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """The items in their order. refusal: why the goal state would not be processed at all."""

    items: tuple[Foreseen, ...] = ()
    refusal: str | None = None


def foresee(
    goal_state: ExtensionsGoalState,
    installed: Iterable[Installed],
    choose: Callable[[Handler], Version],
    *,
    on_hold: bool = False,
    extensions_enabled: bool = True,
    policy: Policy | None = None,
    policy_file: PolicyFile | None = None,
) -> Forecast:
    """Predict the processing of `goal_state` on a machine that has `installed`.

    choose: the version that a wanted handler will have; raises HandlerError where there is none. policy: what is not run here.
    policy_file: what an administrator lets run and be removed.
    """
    if on_hold:
        return Forecast(refusal="the fabric has put this VM on hold")
    missing = unsupported_features(goal_state)
    if missing:
        return Forecast(refusal=f"it requires features that this agent does not have: {', '.join(missing)}")
    here = tuple(installed)
    foreseen = []
    for item in work_list(goal_state):
        refusal = _refusal(item, policy, policy_file) if extensions_enabled else _DISABLED
        one = _foresee(item, here, choose) if refusal is None else Foreseen(item=item, refusal=refusal)
        if one.work is not None:
            here = after(here, item.handler.name, one.work)
        foreseen.append(one)
    return Forecast(items=tuple(foreseen))


_DISABLED = "extensions are disabled by the configuration of this machine"


def _refusal(item: Item, policy: Policy | None, policy_file: PolicyFile | None) -> str | None:
    listed = policy_file.refusal(item.handler.name) if policy_file is not None else None
    if listed is not None:
        return listed
    if policy is None or item.wish is not Wish.ENABLE:
        return None
    if policy.is_bridged(item.handler.name):
        return "it is not run here: the network OS is asked to do it (extensions.bridged)"
    return policy.refusal(item.handler.name)


def _foresee(item: Item, here: tuple[Installed, ...], choose: Callable[[Handler], Version]) -> Foreseen:
    invalid = item.handler.invalid or (item.settings.invalid if item.settings is not None else None)
    if invalid is not None:
        return Foreseen(item=item, refusal=invalid)
    try:
        version = _version(item, here, choose)
    except (HandlerError, ValueError) as error:
        return Foreseen(item=item, refusal=str(error))
    return Foreseen(item=item, work=plan(item, version, here))


def _version(item: Item, here: tuple[Installed, ...], choose: Callable[[Handler], Version]) -> Version:
    if item.wish in {Wish.ENABLE, Wish.WITHDRAW}:
        return choose(item.handler)
    return installed_version(item, here) or Version.parse(item.handler.version)


# What a step that goes well leaves behind. DISABLE is not here: other extensions of the handler may stay enabled.
_LEFT_BEHIND = {
    Step.DOWNLOAD: HandlerState.NOT_INSTALLED,
    Step.INSTALL: HandlerState.INSTALLED,
    Step.INSTALL_IF_UPDATE_MODE: HandlerState.INSTALLED,
    Step.ENABLE: HandlerState.ENABLED,
    Step.DISABLE_EVERY: HandlerState.INSTALLED,
}


def after(installed: tuple[Installed, ...], name: str, work: PlannedWork) -> tuple[Installed, ...]:
    """What is here when the steps of `work` on the handler `name` have gone well."""
    for step in work.steps:
        if step in _LEFT_BEHIND:
            changed = Installed(name=name, version=work.version, state=_LEFT_BEHIND[step])
            installed = (*_without(installed, name, work.version), changed)
        elif step is Step.REMOVE:
            installed = _without(installed, name, work.version)
        elif step is Step.REMOVE_OLD and work.old is not None:
            installed = _without(installed, name, work.old)
    return installed


def _without(installed: tuple[Installed, ...], name: str, version: Version) -> tuple[Installed, ...]:
    return tuple(here for here in installed if (here.name, here.version.text) != (name, version.text))
