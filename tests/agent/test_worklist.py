from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.agent.lifecycle import Direction, Step, Wish, steps
from limpet.agent.worklist import Installed, Item, installed_version, plan, work_list
from limpet.model.extensions import Channel, ExtensionSettings, ExtensionsGoalState, Handler, Source, Wanted
from limpet.model.ids import SequenceNumber
from limpet.model.manifest import HandlerState
from limpet.model.version import Version


def settings(name: str, level: int = 0, wanted: Wanted = Wanted.ENABLED) -> ExtensionSettings:
    return ExtensionSettings(
        name=name, sequence_number=SequenceNumber(0), dependency_level=level, wanted=wanted, public={}
    )


def single(name: str, level: int = 0, wanted: Wanted = Wanted.ENABLED, version: str = "1.0.0") -> Handler:
    return Handler(name=name, version=version, wanted=wanted, settings=(settings(name, level),))


def goal(*handlers: Handler) -> ExtensionsGoalState:
    return ExtensionsGoalState(
        id="incarnation_1", channel=Channel.WIRE_SERVER, source=Source.FABRIC, handlers=handlers
    )


def titles(goal_state: ExtensionsGoalState) -> list[str]:
    return [item.title for item in work_list(goal_state)]


def test_dependencies_come_before_their_dependents() -> None:
    assert titles(goal(single("C", 2), single("A", 0), single("B", 1))) == ["A", "B", "C"]


def test_removals_come_first_and_dependents_leave_before_what_they_depend_on() -> None:
    goal_state = goal(
        single("Keep"), single("Base", 0, Wanted.UNINSTALL), single("Top", 2, Wanted.UNINSTALL), single("Old", 1, Wanted.DISABLED)
    )  # fmt: skip
    assert titles(goal_state) == ["Top", "Old", "Base", "Keep"]


def test_equal_levels_keep_the_order_of_the_goal_state() -> None:
    assert titles(goal(single("Z"), single("A"), single("M"))) == ["Z", "A", "M"]


def test_a_handler_without_settings_is_one_piece_of_work() -> None:
    (item,) = work_list(goal(Handler(name="A", version="1.0", wanted=Wanted.ENABLED)))
    assert (item.settings, item.wish, item.level) == (None, Wish.ENABLE, 0)


def test_one_extension_of_a_multi_config_handler_is_withdrawn_while_others_stay() -> None:
    handler = Handler(
        name="M",
        version="1.0",
        wanted=Wanted.ENABLED,
        multi_config=True,
        settings=(settings("one"), settings("two", wanted=Wanted.DISABLED)),
    )
    assert [(item.title, item.wish) for item in work_list(goal(handler))] == [
        ("M.two", Wish.WITHDRAW),
        ("M.one", Wish.ENABLE),
    ]


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Wanted)), max_size=12))
def test_nothing_is_lost_and_removals_always_lead(entries: list[tuple[int, Wanted]]) -> None:
    goal_state = goal(*(single(f"H{n}", level, wanted) for n, (level, wanted) in enumerate(entries)))
    items = work_list(goal_state)
    assert sorted(item.handler.name for item in items) == sorted(
        handler.name for handler in goal_state.handlers
    )
    removing = [item.wish is not Wish.ENABLE for item in items]
    assert removing == sorted(removing, reverse=True)


def here(version: str, state: HandlerState, name: str = "A") -> Installed:
    return Installed(name=name, version=Version.parse(version), state=state)


def item(wanted: Wanted = Wanted.ENABLED, version: str = "1.0.0") -> Item:
    return work_list(goal(single("A", 0, wanted, version)))[0]


@pytest.mark.parametrize(
    ("version", "installed", "direction", "old"),
    [
        ("2.0.0", [here("1.0.0", HandlerState.ENABLED)], Direction.UPGRADE, "1.0.0"),
        ("1.0.0", [here("2.0.0", HandlerState.INSTALLED)], Direction.DOWNGRADE, "2.0.0"),
        ("2.0.0", [here("1.0.0", HandlerState.NOT_INSTALLED)], None, None),
        ("2.0.0", [here("1.0.0", HandlerState.FAILED_UPGRADE)], None, None),
        ("2.0.0", [here("1.0.0", HandlerState.ENABLED, "Other")], None, None),
        ("2.0.0", [here("1.0.0", HandlerState.ENABLED), here("2.0.0", HandlerState.FAILED_UPGRADE)], Direction.UPGRADE, "1.0.0"),
        ("3.0.0", [here("1.0.0", HandlerState.ENABLED), here("2.0.0", HandlerState.ENABLED)], Direction.UPGRADE, "2.0.0"),
    ],
)  # fmt: skip
def test_an_installed_other_version_makes_it_an_update(
    version: str, installed: list[Installed], direction: Direction | None, old: str | None
) -> None:
    work = plan(item(version=version), Version.parse(version), installed)
    state = next((h.state for h in installed if h.version.text == version), HandlerState.NOT_INSTALLED)
    assert work.steps == steps(state, Wish.ENABLE, direction)
    assert (work.old.text if work.old else None) == old


def test_a_version_that_is_here_already_is_only_enabled_again() -> None:
    work = plan(item(), Version.parse("1.0.0"), [here("1.0.0", HandlerState.ENABLED)])
    assert work.steps == (Step.WRITE_SETTINGS, Step.ENABLE)
    assert work.reason == "wanted enabled; here it is enabled"


@pytest.mark.parametrize(
    ("wanted", "installed", "version"),
    [
        (Wanted.UNINSTALL, [here("1.0.0", HandlerState.ENABLED), here("1.2.0", HandlerState.INSTALLED), here("3.0", HandlerState.NOT_INSTALLED)], "1.2.0"),
        (Wanted.UNINSTALL, [here("1.0.0", HandlerState.ENABLED), here("2.0.0", HandlerState.FAILED_UPGRADE)], "2.0.0"),
        (Wanted.DISABLED, [here("1.0.0", HandlerState.ENABLED), here("2.0.0", HandlerState.FAILED_UPGRADE)], "1.0.0"),
        (Wanted.DISABLED, [here("2.0.0", HandlerState.FAILED_UPGRADE)], None),
        (Wanted.UNINSTALL, [here("1.0.0", HandlerState.ENABLED, "Other")], None),
    ],
)  # fmt: skip
def test_removal_works_on_the_installed_version_not_on_the_requested_one(
    wanted: Wanted, installed: list[Installed], version: str | None
) -> None:
    found = installed_version(item(wanted), installed)
    assert (None if found is None else found.text) == version
