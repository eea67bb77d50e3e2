"""The border at which a handler's failure ends: what is recorded, and where the report finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.agent.parts import LIBRARY, NAME, folder, handler, item, ports, settings, store

from limpet.agent.board import Board
from limpet.agent.lifecycle import Step
from limpet.agent.packages import Choice
from limpet.agent.runner import Runner
from limpet.agent.steps import ExtensionFailed, Job, Steps
from limpet.host.fake import FakeMachine
from limpet.model.errors import Code, HandlerError, HostError
from limpet.model.extensions import Wanted
from limpet.model.manifest import HandlerState
from limpet.model.status import HandlerStatus
from limpet.model.version import Version

if TYPE_CHECKING:
    from limpet.model.extensions import Handler


class Chosen:
    """Stands for the packages: every wanted version is there, or none is."""

    def __init__(self) -> None:
        self.error: HandlerError | None = None

    def choose(self, wanted: Handler) -> Choice:
        if self.error is not None:
            raise self.error
        return Choice(version=Version.parse(wanted.version), package=None, manifest_uri=None)


class Performed(Steps):
    """Steps that are only noted; `error` is what they come to."""

    def __init__(self, fake: FakeMachine) -> None:
        unused: Any = None
        super().__init__(store(fake), unused, unused, unused, ports(fake), changed=lambda: None)
        self.jobs: list[Job] = []
        self.error: Exception | None = None

    def perform(self, job: Job) -> None:
        self.jobs.append(job)
        if self.error is not None:
            raise self.error
        if Step.REMOVE in job.work.steps:
            self._store.remove(job.folder)


class Bench:
    def __init__(self) -> None:
        self.fake, self.board, self.chosen = FakeMachine(), Board(), Chosen()
        self.store, self.performed = store(self.fake), Performed(self.fake)
        packages: Any = self.chosen
        self.runner = Runner(self.store, packages, self.performed, self.fake.log, self.board)

    def here(self, version: str, state: HandlerState) -> None:
        self.fake.files.make_folder(folder(version).path)
        self.fake.files.replace(folder(version).manifest_file, b"[]")
        self.store.set_state(folder(version), state)

    def said(self, version: str = "1.0.0") -> HandlerStatus | None:
        return self.store.handler_status(folder(version))


MULTI = handler(settings(3, name="x"), settings(4, name="y"), multi_config=True)


def test_a_failure_is_recorded_at_the_version_that_was_worked_on_and_the_bell_rings() -> None:
    bench = Bench()
    bench.performed.error = HandlerError("it failed", code=Code.INSTALL)
    rings = bench.board.count
    with pytest.raises(HandlerError):
        bench.runner.run(item())
    status = bench.said()
    assert status is not None
    assert (status.status, status.code, status.version) == ("NotReady", Code.INSTALL, "1.0.0")
    assert bench.board.count > rings


def test_a_version_that_cannot_be_chosen_is_recorded_where_the_handler_is() -> None:
    bench = Bench()
    bench.here("1.0.7", HandlerState.ENABLED)
    bench.chosen.error = HandlerError("no manifest")
    with pytest.raises(HandlerError):
        bench.runner.run(item(handler(settings(), version="1.0")))
    assert bench.said("1.0.7") is not None
    assert bench.said("1.0") is None


def test_a_handler_whose_name_is_unfit_is_refused_without_touching_the_disk() -> None:
    bench = Bench()
    before = set(bench.fake.files.nodes)
    wrong = handler(settings(), name="../../x", invalid="The goal state names nonsense.")
    with pytest.raises(HandlerError, match="nonsense"):
        bench.runner.run(item(wrong))
    refusal = bench.board.refusal("../../x")
    assert refusal is not None
    assert refusal.status == "NotReady"
    assert set(bench.fake.files.nodes) == before


@pytest.mark.parametrize("known", [True, False])
def test_an_extensions_failure_leaves_its_handlers_status_if_there_is_one(known: bool) -> None:
    bench = Bench()
    ready = HandlerStatus(name=NAME, version="1.0.0", status="Ready")
    if known:
        bench.store.set_handler_status(folder(), ready)
    bench.performed.error = ExtensionFailed("it failed", code=Code.ENABLE)
    with pytest.raises(ExtensionFailed):
        bench.runner.run(item(MULTI))
    status = bench.said()
    assert status is not None
    assert status.status == ("Ready" if known else "NotReady")
    assert bench.fake.files.names(folder().status) == ["x.3.status"]


def test_a_handlers_failure_concerns_its_extension_too() -> None:
    bench = Bench()
    bench.store.set_handler_status(folder(), HandlerStatus(name=NAME, version="1.0.0", status="Ready"))
    bench.runner.fail(item(MULTI), HandlerError("install failed", code=Code.INSTALL))
    status = bench.said()
    assert status is not None
    assert status.code == Code.INSTALL
    assert bench.fake.files.names(folder().status) == ["x.3.status"]


def test_skipping_is_an_error_of_the_handler_or_of_its_one_extension() -> None:
    bench = Bench()
    bench.runner.skip(item(), "waited in vain")
    status = bench.said()
    assert status is not None
    assert (status.status, status.code) == ("NotReady", -1)
    assert bench.fake.files.names(folder().status) == []
    other = Bench()
    other.store.set_handler_status(folder(), HandlerStatus(name=NAME, version="1.0.0", status="Ready"))
    other.runner.skip(item(MULTI), "waited in vain")
    known = other.said()
    assert known is not None
    assert known.status == "Ready"


@pytest.mark.parametrize(("wanted", "placed"), [(Wanted.ENABLED, ["0.status"]), (Wanted.UNINSTALL, [])])
def test_what_is_forbidden_has_a_status_file_where_it_is_wanted(wanted: Wanted, placed: list[str]) -> None:
    bench = Bench()
    bench.runner.fail(item(handler(settings(), wanted=wanted)), HandlerError("forbidden"), forbidden=True)
    assert bench.fake.files.names(folder().status) == placed


@pytest.mark.parametrize("spoil", ["full", "broken"])
def test_what_the_disk_does_not_take_is_refused_from_memory(spoil: str) -> None:
    bench = Bench()
    if spoil == "full":
        bench.fake.files.full = True
    else:
        bench.fake.files.broken[LIBRARY] = "Input/output error"
    bench.runner.fail(item(), HandlerError("it failed", code=Code.ENABLE))
    refusal = bench.board.refusal(NAME)
    assert refusal is not None
    assert refusal.code == Code.ENABLE


def test_a_failure_of_the_machine_is_the_workers_to_tell() -> None:
    bench = Bench()
    bench.performed.error = HostError("No space left")
    with pytest.raises(HostError):
        bench.runner.run(item())
    assert bench.said() is None


def test_uninstalling_takes_every_version_the_newest_first() -> None:
    bench = Bench()
    bench.here("1.0.0", HandlerState.INSTALLED)
    bench.here("2.0.0", HandlerState.FAILED_UPGRADE)
    bench.store.set_handler_status(
        folder("3.0.0"), HandlerStatus(name=NAME, version="3.0.0", status="NotReady")
    )
    bench.runner.run(item(handler(wanted=Wanted.UNINSTALL, version="3.0.0")))
    assert [job.folder.version for job in bench.performed.jobs] == ["2.0.0", "1.0.0", "3.0.0"]
    assert bench.store.installed() == ()


def test_uninstalling_what_is_not_here_is_done_at_once() -> None:
    bench = Bench()
    bench.runner.run(item(handler(wanted=Wanted.UNINSTALL)))
    assert len(bench.performed.jobs) == 1


def test_an_uninstall_that_fails_is_told_where_the_report_looks_whichever_version_it_was() -> None:
    bench = Bench()
    bench.here("1.0.0", HandlerState.ENABLED)
    bench.here("2.0.0", HandlerState.NOT_INSTALLED)
    bench.store.set_handler_status(
        folder("2.0.0"), HandlerStatus(name=NAME, version="2.0.0", status="NotReady", code=1008)
    )
    bench.performed.error = HandlerError("disable failed", code=Code.DISABLE)
    wanted = handler(wanted=Wanted.UNINSTALL, version="2.0.0")
    with pytest.raises(HandlerError):
        bench.runner.run(item(wanted))
    told = bench.store.handler_status(bench.store.folder_of(wanted))
    assert told is not None
    assert (told.version, told.code) == ("1.0.0", Code.DISABLE)


def test_an_uninstall_that_fails_is_not_tried_on_the_next_version() -> None:
    bench = Bench()
    bench.here("1.0.0", HandlerState.INSTALLED)
    bench.here("2.0.0", HandlerState.ENABLED)
    bench.performed.error = HandlerError("disable failed", code=Code.DISABLE)
    with pytest.raises(HandlerError):
        bench.runner.run(item(handler(wanted=Wanted.UNINSTALL)))
    assert len(bench.performed.jobs) == 1
