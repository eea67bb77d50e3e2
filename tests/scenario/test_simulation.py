"""Whole lives of an agent, drawn by chance: whatever happens, nothing is done twice and the last wish is fulfilled."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.scenario.core import certificate
from tests.scenario.handlers import OPERATIONS, TENANT, disable, enable, uninstall, withdraw
from tests.scenario.stage import Stage, stage

from limpet.emulator.world.changes import ChangeRefused
from limpet.emulator.world.goalstates import hibernate, rotate_certificates
from limpet.model.extensions import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.emulator.world.changes import Change
    from limpet.host.fake_work import Invocation

SINGLE, MULTI = "Contoso.Single", "Contoso.Multi"
VERSIONS = ("1.0.0", "1.5.0", "2.0.0")
ENDPOINTS = ("goal-state", "vm-settings", "extensions-config", "certificates", "status", "blob-download", "blob-upload", "extension-artifact", "*")  # fmt: skip
FAULTS: tuple[dict[str, Any], ...] = ({"status": 410}, {"status": 500}, {"status": 403}, {"refused": True}, {"garbage": True}, {"endless": True})  # fmt: skip

sources = st.sampled_from((Source.FABRIC, Source.FAST_TRACK))
versions = st.sampled_from(VERSIONS)


@dataclass
class Life:
    """A stage and what happened on it. done: every command, with the decision it was run for. failing: what fails now."""

    play: Stage = field(default_factory=stage)
    starts: int = 0
    done: Counter[tuple[object, ...]] = field(default_factory=Counter)
    failing: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for version in VERSIONS:
            self.play.host(SINGLE, version, continueOnUpdateFailure=version == "1.5.0")
            self.play.host(MULTI, version, supportsMultipleExtensions=True)
        for operation in OPERATIONS:
            self.play.parts[operation] = self.performer(operation)

    def performer(self, operation: str) -> Callable[[Invocation], int]:
        def perform(run: Invocation) -> int:
            snapshot = self.play.agent.board.snapshot
            assert snapshot is not None
            extension = run.environment.get("ConfigExtensionName")
            once_for = extension if operation in {"enable", "disable"} else None
            self.done[self.starts, snapshot.round, run.folder.name, operation, once_for] += 1
            if operation in self.failing:
                return 51
            if operation == "enable":
                self.play.say(run, "success")
            return 0

        return perform

    def publish(self, changes: list[Change], source: Source) -> None:
        with contextlib.suppress(ChangeRefused):  # what is not there cannot be taken away
            self.play.publish(*changes, source=source)


if TYPE_CHECKING:
    Act = Callable[[Life], object]


def acts() -> st.SearchStrategy[Act]:
    """One thing that may happen."""
    singles = st.builds(
        lambda version: enable(SINGLE, version=version, protected="MII=", thumbprint=TENANT), versions
    )
    multiples = st.builds(lambda version, name: enable(MULTI, version=version, extension=name), versions, st.sampled_from("xy"))  # fmt: skip
    ends = st.sampled_from((disable(SINGLE), uninstall(SINGLE), uninstall(MULTI), withdraw(MULTI, "x"), withdraw(MULTI, "y")))  # fmt: skip
    changes = st.lists(st.one_of(singles, multiples, multiples, ends), min_size=1, max_size=3)
    publications = st.builds(
        lambda change, source: lambda life: life.publish(change, source), changes, sources
    )
    faults = st.builds(
        lambda endpoint, fault, count: lambda life: life.play.core.fail(endpoint, count, **fault),
        st.sampled_from(ENDPOINTS),
        st.sampled_from(FAULTS),
        st.integers(1, 9),
    )
    times = st.builds(lambda seconds: lambda life: life.play.live(seconds), st.sampled_from((1, 10, 100)))
    failures = st.builds(lambda operation: lambda life: life.failing.symmetric_difference_update({operation}), st.sampled_from(OPERATIONS))  # fmt: skip
    others = st.sampled_from((turn, restart, fill, empty, move, rotate, hold, release))
    return st.one_of(publications, publications, failures, faults, times, others)


def turn(life: Life) -> None:
    life.play.turn()


def restart(life: Life) -> None:
    life.starts += 1
    life.play.restart()


def fill(life: Life) -> None:
    life.play.files.full = True


def empty(life: Life) -> None:
    life.play.files.full = False


def move(life: Life) -> None:
    life.play.core.become(hibernate(life.play.core.vm, certificate(TENANT)))


def rotate(life: Life) -> None:
    life.play.core.become(rotate_certificates(life.play.core.vm, certificate(TENANT), retire=False))


def hold(life: Life) -> None:
    life.play.publish(on_hold=True)


def release(life: Life) -> None:
    life.play.publish(on_hold=False)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(happenings=st.lists(acts(), max_size=25), source=sources, last=versions)
def test_whatever_happens_nothing_is_done_twice_and_the_last_wish_is_fulfilled(
    happenings: list[Act], source: Source, last: str
) -> None:
    life = Life()
    play = life.play
    for happen in happenings:
        happen(life)
    play.turn()
    play.core.heal()
    play.files.full = False
    life.failing.clear()
    play.live(100)
    wishes = (
        enable(SINGLE, version=last),
        enable(MULTI, version=last, extension="x"),
        enable(MULTI, extension="y"),
    )
    play.publish(*wishes, source=source, anew=True, on_hold=False)
    play.live(100)
    entries = {(e.name, e.settings.extension_name if e.settings else None, e.version, e.status, e.code) for e in play.status.handlers}  # fmt: skip
    assert entries == {
        (SINGLE, None, last, "Ready", 0),
        (MULTI, "x", last, "Ready", 0),
        (MULTI, "y", last, "Ready", 0),
    }
    assert {e.settings.status.status.value for e in play.status.handlers if e.settings and e.settings.status.status} == {"success"}  # fmt: skip
    assert [key for key, times in life.done.items() if times > 1] == []
    assert play.aggregate.status == "Success"
