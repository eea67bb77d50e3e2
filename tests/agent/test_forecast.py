"""What a goal state would do: each item sees what those before it have done."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from limpet.agent.forecast import after, foresee
from limpet.agent.lifecycle import Direction, Step, Wish, steps
from limpet.agent.policy import Policy
from limpet.agent.worklist import Installed, PlannedWork
from limpet.model.errors import HandlerError
from limpet.model.extensions import Channel, ExtensionSettings, ExtensionsGoalState, Handler, Source, Wanted
from limpet.model.ids import SequenceNumber
from limpet.model.manifest import HandlerState
from limpet.model.version import Version


def settings(name: str, wanted: Wanted = Wanted.ENABLED) -> ExtensionSettings:
    return ExtensionSettings(name=name, sequence_number=SequenceNumber(0), wanted=wanted, public={})


def goal(*handlers: Handler, features: tuple[str, ...] = ()) -> ExtensionsGoalState:
    return ExtensionsGoalState(
        id="incarnation_1",
        channel=Channel.WIRE_SERVER,
        source=Source.FABRIC,
        handlers=handlers,
        required_features=features,
    )


def handler(
    name: str, version: str = "1.0", wanted: Wanted = Wanted.ENABLED, *extensions: ExtensionSettings
) -> Handler:
    return Handler(
        name=name,
        version=version,
        wanted=wanted,
        settings=extensions or (settings(name),),
        multi_config=bool(extensions),
    )


def here(name: str, version: str, state: HandlerState = HandlerState.ENABLED) -> Installed:
    return Installed(name=name, version=Version.parse(version), state=state)


def as_asked(wanted: Handler) -> Version:
    return Version.parse(wanted.version)


def test_a_handler_is_installed_for_its_first_extension_and_enabled_for_each() -> None:
    multi = handler("M", "1.0", Wanted.ENABLED, settings("a"), settings("b"))
    first, second = foresee(goal(multi), (), as_asked).items
    assert first.work is not None
    assert second.work is not None
    assert Step.INSTALL in first.work.steps
    assert second.work.steps == (Step.WRITE_SETTINGS, Step.ENABLE)


def test_an_update_is_done_once_for_all_extensions() -> None:
    multi = handler("M", "2.0", Wanted.ENABLED, settings("a"), settings("b"))
    first, second = foresee(goal(multi), [here("M", "1.0")], as_asked).items
    assert first.work is not None
    assert second.work is not None
    assert first.work.old == Version.parse("1.0")
    assert second.work.old is None
    assert second.work.steps == (Step.WRITE_SETTINGS, Step.ENABLE)


def test_a_removed_handler_is_the_installed_version_whatever_is_asked() -> None:
    (item,) = foresee(
        goal(handler("A", "9.9", Wanted.UNINSTALL)), [here("A", "1.2.3")], as_asked
    ).items  # fmt: skip
    assert item.work is not None
    assert item.work.version.text == "1.2.3"
    assert item.work.steps[-1] is Step.REMOVE


def test_what_cannot_be_chosen_is_refused_and_its_siblings_go_on() -> None:
    def choose(wanted: Handler) -> Version:
        if wanted.name == "A":
            raise HandlerError("no manifest")
        return as_asked(wanted)

    broken = Handler(name="I", version="1.0", wanted=Wanted.ENABLED, invalid="unreadable settings")
    unnamed = handler("U", "latest", Wanted.UNINSTALL)
    forecast = foresee(goal(unnamed, handler("A"), broken, handler("B")), (), choose)
    refusals = {foreseen.item.handler.name: foreseen.refusal for foreseen in forecast.items}
    assert refusals.pop("U") == "'latest' is not a dotted version such as 1.0.7"
    assert refusals == {"A": "no manifest", "I": "unreadable settings", "B": None}


def test_an_extension_that_makes_no_sense_is_told_and_its_siblings_are_foreseen() -> None:
    wrong = replace(settings("x"), invalid="unknown state")
    several = Handler(
        name="M", version="1.0", wanted=Wanted.ENABLED, settings=(wrong, settings("y")), multi_config=True
    )
    forecast = foresee(goal(several), (), as_asked)
    assert [(foreseen.item.extension, foreseen.refusal) for foreseen in forecast.items] == [
        ("x", "unknown state"),
        ("y", None),
    ]


def test_a_goal_state_on_hold_or_with_unknown_features_is_not_processed() -> None:
    assert "on hold" in str(foresee(goal(handler("A")), (), as_asked, on_hold=True).refusal)
    forecast = foresee(goal(handler("A"), features=("MultipleExtensionsPerHandler", "Flying")), (), as_asked)
    assert forecast.items == ()
    assert forecast.refusal == "it requires features that this agent does not have: Flying"


def test_with_extensions_disabled_every_item_is_refused() -> None:
    forecast = foresee(goal(handler("A"), handler("B")), (), as_asked, extensions_enabled=False)
    assert [item.refusal for item in forecast.items] == [
        "extensions are disabled by the configuration of this machine"
    ] * 2


@pytest.mark.parametrize(
    ("state", "wish", "direction"), list(product(HandlerState, Wish, [None, *Direction])), ids=str
)
def test_what_is_left_is_what_the_steps_say(
    state: HandlerState, wish: Wish, direction: Direction | None
) -> None:
    old = None if direction is None else Version.parse("1.0" if direction is Direction.UPGRADE else "3.0")
    chosen = steps(state, wish, direction)
    work = PlannedWork(version=Version.parse("2.0"), old=old, steps=chosen, reason="")
    before = (here("A", "2.0", state), here("B", "1.0"), *([here("A", old.text)] if old else []))
    left = {(one.name, one.version.text): one.state for one in after(before, "A", work)}
    assert left[("B", "1.0")] is HandlerState.ENABLED
    if Step.ENABLE in chosen:
        assert left[("A", "2.0")] is HandlerState.ENABLED
    if Step.REMOVE in chosen:
        assert ("A", "2.0") not in left
    if Step.REMOVE_OLD in chosen and old is not None:
        assert ("A", old.text) not in left
    if not chosen:
        assert left == {(one.name, one.version.text): one.state for one in before}


def test_what_is_not_run_here_is_foreseen_as_refused_and_what_goes_is_not() -> None:
    policy = Policy(refused=("A",), bridged=("B",))
    first, second, third = foresee(
        goal(handler("A"), handler("B"), handler("C")), (), as_asked, policy=policy
    ).items
    assert "extensions.refused" in str(first.refusal)
    assert "the network OS is asked" in str(second.refusal)
    assert third.refusal is None
