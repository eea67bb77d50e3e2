"""From handlers' records to the aggregate status."""

from __future__ import annotations

import json

import pytest
from tests.agent.parts import NAME, folder, goal_state, handler, machine_goal_state, settings, snapshot, store

from limpet.agent.board import Board, Snapshot
from limpet.agent.report import Report
from limpet.agent.statuses import Statuses
from limpet.host.fake import FakeMachine
from limpet.model.errors import Code
from limpet.model.extensions import AgentFamily, Handler, Wanted
from limpet.model.manifest import HandlerState
from limpet.model.status import ExtensionState, HandlerStatus, Message

READY = HandlerStatus(name=NAME, version="1.0.0", status="Ready", message=Message(message="Plugin enabled"))


class Bench:
    def __init__(self, *, extensions_enabled: bool = True) -> None:
        self.fake, self.board = FakeMachine(), Board()
        self.store = store(self.fake)
        statuses = Statuses(self.store, self.fake.clock)
        self.report = Report(
            self.board,
            self.store,
            statuses,
            self.fake.clock,
            self.fake.guest,
            extensions_enabled=extensions_enabled,
        )

    def here(
        self, status: HandlerStatus = READY, state: HandlerState = HandlerState.ENABLED, **members: object
    ) -> None:
        self.fake.files.make_folder(folder(status.version).status)
        document = [{"handlerManifest": members}]
        self.fake.files.replace(folder(status.version).manifest_file, json.dumps(document).encode())
        self.store.set_state(folder(status.version), state)
        self.store.set_handler_status(folder(status.version), status)

    def say(self, name: str, word: str = "success") -> None:
        content = json.dumps([{"status": {"status": word}}]).encode()
        self.fake.files.replace(folder().status / f"{name}.status", content)

    def entries(self, *handlers: Handler) -> list[tuple[str, str | None, int | None, ExtensionState | None]]:
        """What is reported: handler's status, extension, sequence number, extension's status."""
        self.board.adopt(snapshot(*handlers))
        return [
            (entry.status, s.extension_name, s.sequence_number, s.status.status)
            if (s := entry.settings) is not None
            else (entry.status, None, None, None)
            for entry in self.report.build().handlers
        ]


SUCCESS, ERROR, MOVING = ExtensionState.SUCCESS, ExtensionState.ERROR, ExtensionState.TRANSITIONING


def test_before_the_first_goal_state_the_agent_reports_itself() -> None:
    status = Bench().report.build()
    assert (status.status, status.handlers, status.goal_state) == ("Ready", (), None)
    assert status.timestamp == "2026-01-01T00:00:00Z"


def test_a_handler_has_one_entry_with_its_settings() -> None:
    bench = Bench()
    bench.here()
    assert bench.entries(handler(settings(3))) == [("Ready", None, 3, MOVING)]
    bench.say("3")
    assert bench.entries(handler(settings(3))) == [("Ready", None, 3, SUCCESS)]
    assert bench.entries(handler()) == [("Ready", None, None, None)]


def test_a_handler_of_which_nothing_is_known_has_none() -> None:
    assert Bench().entries(handler(settings(3))) == []


def test_settings_of_a_handler_that_is_not_installed_say_nothing() -> None:
    bench = Bench()
    bench.here(state=HandlerState.NOT_INSTALLED)
    bench.say("3")
    assert bench.entries(handler(settings(3))) == [("Ready", None, None, None)]


def test_settings_that_this_machine_forbids_have_their_placeholder() -> None:
    bench = Bench(extensions_enabled=False)
    bench.here(state=HandlerState.NOT_INSTALLED)
    bench.say("3", "error")
    assert bench.entries(handler(settings(3))) == [("Ready", None, 3, ERROR)]


def test_several_extensions_have_an_entry_each_but_for_those_that_are_gone() -> None:
    bench = Bench()
    bench.here()
    bench.say("x.1")
    bench.store.set_extension_enabled(folder(), "y")
    several = handler(
        settings(1, name="x"),
        settings(2, name="y", wanted=Wanted.DISABLED),
        settings(3, name="z", wanted=Wanted.DISABLED),
        multi_config=True,
    )
    assert bench.entries(several) == [("Ready", "x", 1, SUCCESS), ("Ready", "y", 2, MOVING)]


@pytest.mark.parametrize(("state", "code", "count"), [(HandlerState.NOT_INSTALLED, 0, 0), (HandlerState.NOT_INSTALLED, 1010, 1), (HandlerState.ENABLED, 0, 1)])  # fmt: skip
def test_an_uninstalled_handler_is_reported_until_it_is_gone(
    state: HandlerState, code: int, count: int
) -> None:
    bench = Bench()
    bench.here(HandlerStatus(name=NAME, version="1.0.0", status="NotReady", code=code), state)
    assert len(bench.entries(handler(wanted=Wanted.UNINSTALL))) == count


def test_a_refusal_stands_in_place_of_what_is_on_disk() -> None:
    bench = Bench()
    bench.here()
    bench.board.refuse(HandlerStatus(name=NAME, version="1.0.0", status="NotReady", code=-1))
    assert bench.entries(handler(settings(3))) == [("NotReady", None, None, None)]
    assert bench.entries(handler(name="bad name", invalid="why")) == []


def test_a_goal_state_that_cannot_be_followed_reports_what_is_here() -> None:
    bench = Bench()
    bench.here()
    bench.here(
        HandlerStatus(name=NAME, version="2.0.0", status="NotReady", code=1001), HandlerState.NOT_INSTALLED
    )
    bench.store.write_settings(folder(), settings(7), None)
    bench.say("7")
    extensions = goal_state(required_features=("Teleportation",))
    bench.board.adopt(Snapshot(round=1, goal_state=machine_goal_state(), extensions=extensions))
    found = bench.report.build().handlers
    assert [(entry.version, entry.settings and entry.settings.sequence_number) for entry in found] == [("1.0.0", 7), ("2.0.0", None)]  # fmt: skip


def test_a_heartbeat_counts_where_it_was_promised_and_nothing_failed() -> None:
    bench = Bench()
    bench.here(reportHeartbeat=True)
    assert bench.entries(handler()) == [("NotReady", None, None, None)]
    bench.here(
        HandlerStatus(name=NAME, version="1.0.0", status="Broken", code=Code.ENABLE), reportHeartbeat=True
    )
    assert bench.entries(handler()) == [("Broken", None, None, None)]
    bench.here()
    assert bench.entries(handler()) == [("Ready", None, None, None)]
    bench.fake.files.replace(folder().manifest_file, b"broken")
    assert bench.entries(handler()) == [("Ready", None, None, None)]


@pytest.mark.parametrize(
    ("family", "outcome"),
    [
        (AgentFamily(name="Prod"), None),
        (AgentFamily(name="Test", is_vm_enabled_for_rsm_upgrades=True), None),
        (AgentFamily(name="Prod", is_vm_enabled_for_rsm_upgrades=True), ("Success", 0)),
        (AgentFamily(name="Prod", is_vm_enabled_for_rsm_upgrades=True, is_version_from_rsm=True, version="0"), ("Success", 0)),
        (AgentFamily(name="Prod", is_vm_enabled_for_rsm_upgrades=True, is_version_from_rsm=True, version="9.9"), ("Error", 1)),
    ],
)  # fmt: skip
def test_a_version_of_the_agent_that_the_platform_chose_is_answered(
    family: AgentFamily, outcome: tuple[str, int] | None
) -> None:
    bench = Bench()
    extensions = goal_state(families=(family,))
    bench.board.adopt(Snapshot(round=1, goal_state=machine_goal_state(), extensions=extensions))
    update = bench.report.build().update
    assert (None if update is None else (update.status, update.code)) == outcome


def test_features_are_those_of_the_moment() -> None:
    bench = Bench()
    assert bench.report.build().supported_features == (("MultipleExtensionsPerHandler", "1.0"),)
    bench.board.advertise_fast_track(True)
    assert ("FastTrack", "1.0") in bench.report.build().supported_features
