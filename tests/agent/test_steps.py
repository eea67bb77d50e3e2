"""What each step does, and what is recorded when it went well. The order of steps is tested with the lifecycle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.agent.parts import NAME, folder, handler, item, ports, settings, store

from limpet.agent.lifecycle import Step
from limpet.agent.steps import ExtensionFailed, Job, Steps
from limpet.agent.worklist import PlannedWork
from limpet.host.fake import FakeMachine
from limpet.model.errors import Code, HandlerError
from limpet.model.ids import Thumbprint
from limpet.model.manifest import HandlerState
from limpet.model.secret import Secret
from limpet.model.version import Version

if TYPE_CHECKING:
    from limpet.agent.commands import Occasion
    from limpet.agent.layout import HandlerFolder
    from limpet.model.extensions import Handler


class Ran:
    """Stands for the commands: keeps what was run; `codes` says which fail."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str, str | None, int]] = []
        self.codes: dict[Step, int] = {}

    def run(self, at: HandlerFolder, occasion: Occasion) -> None:
        self.log.append((at.version, occasion.step.name, occasion.extension, occasion.sequence_number))
        if occasion.step in self.codes:
            raise HandlerError("it failed", code=self.codes[occasion.step])


class Kept:
    """Stands for the certificates."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def wait_for(self, thumbprint: str) -> None:
        self.asked.append(thumbprint)
        if thumbprint.startswith("B"):
            raise HandlerError("not here")


class Brought:
    """Stands for the packages: what is brought has this manifest."""

    def __init__(self, fake: FakeMachine, **members: Any) -> None:
        self.fake, self.members = fake, members

    def bring(self, of: Handler, choice: object, at: HandlerFolder) -> None:
        self.fake.files.make_folder(at.path)
        document = [{"handlerManifest": {"enableCommand": "x", **self.members}}]
        self.fake.files.replace(at.manifest_file, json.dumps(document).encode())


class Bench:
    """Steps over a machine in memory."""

    def __init__(self, **members: Any) -> None:
        self.fake = FakeMachine()
        self.ran, self.kept, self.rings = Ran(), Kept(), 0
        self.store = store(self.fake)
        brought: Any = Brought(self.fake, **members)
        commands: Any = self.ran
        kept: Any = self.kept
        self.steps = Steps(self.store, brought, commands, kept, ports(self.fake), changed=self.ring)

    def ring(self) -> None:
        self.rings += 1

    def perform(self, *steps: Step, of: Handler | None = None, which: int = 0) -> None:
        of = of or handler(settings(0))
        chosen: Any = object()
        work = PlannedWork(version=Version.parse("1.0.0"), old=None, steps=steps, reason="")
        target = item(of, of.settings[which] if of.settings else None)
        self.steps.perform(Job(item=target, folder=folder(), work=work, choice=chosen))

    def said(self) -> tuple[str, str]:
        status = self.store.handler_status(folder())
        assert status is not None
        assert status.message is not None
        return status.status, status.message.message


def two(**members: Any) -> Handler:
    return handler(settings(3, name="x"), settings(4, name="y"), multi_config=True, **members)


def test_each_step_leaves_its_state_and_its_words() -> None:
    bench = Bench()
    expected = [
        (Step.DOWNLOAD, HandlerState.NOT_INSTALLED, ("Installing", "Installing version 1.0.0")),
        (Step.INSTALL, HandlerState.INSTALLED, ("NotReady", "Plugin installed but not enabled")),
        (Step.ENABLE, HandlerState.ENABLED, ("Ready", "Plugin enabled")),
        (Step.DISABLE_EVERY, HandlerState.INSTALLED, ("NotReady", "Plugin disabled")),
    ]
    for number, (step, state, words) in enumerate(expected, 1):
        bench.perform(step)
        assert bench.store.state(folder()) is state
        assert bench.said() == words
        assert bench.rings == number
    bench.perform(Step.UNINSTALL, Step.REMOVE)
    assert bench.store.installed() == ()


def test_the_steps_after_a_failed_one_are_not_done() -> None:
    bench = Bench()
    bench.ran.codes[Step.INSTALL] = Code.INSTALL
    with pytest.raises(HandlerError):
        bench.perform(Step.DOWNLOAD, Step.INSTALL, Step.ENABLE)
    assert [entry[1] for entry in bench.ran.log] == ["INSTALL"]
    assert bench.store.state(folder()) is HandlerState.NOT_INSTALLED


def test_settings_wait_for_their_certificate() -> None:
    bench = Bench()
    protected = settings(2, protected=Secret("MII="), thumbprint=Thumbprint("A" * 40))
    bench.perform(Step.WRITE_SETTINGS, of=handler(protected))
    assert bench.kept.asked == ["A" * 40]
    assert b"MII=" in bench.fake.files.read(folder().config / "2.settings", at_most=1000)


@pytest.mark.parametrize(
    "unusable",
    [
        settings(2, name="x", protected=Secret("MII="), thumbprint=Thumbprint("B" * 40)),
        settings(2, name="x", usable=False),
    ],
    ids=["no certificate", "no JSON"],
)
@pytest.mark.parametrize("multi_config", [True, False])
def test_settings_that_cannot_be_used_are_not_written_and_concern_one_extension(
    unusable: Any, multi_config: bool
) -> None:
    bench = Bench(supportsMultipleExtensions=True)
    bench.perform(Step.DOWNLOAD)
    before = bench.fake.files.names(folder().config)
    with pytest.raises(HandlerError) as failure:
        bench.perform(Step.WRITE_SETTINGS, of=handler(unusable, multi_config=multi_config))
    assert isinstance(failure.value, ExtensionFailed) == multi_config
    assert bench.fake.files.names(folder().config) == before


def test_several_extensions_need_a_handler_that_says_it_can() -> None:
    with pytest.raises(HandlerError, match="supportsMultipleExtensions"):
        Bench().perform(Step.DOWNLOAD, of=two())
    Bench(supportsMultipleExtensions="TRUE").perform(Step.DOWNLOAD, of=two())


def test_several_extensions_of_a_handler_that_is_installed_for_one_are_refused_before_their_settings_are_written() -> (
    None
):
    bench = Bench()
    bench.perform(Step.DOWNLOAD, Step.INSTALL, Step.ENABLE)
    with pytest.raises(HandlerError, match="supportsMultipleExtensions") as failure:
        bench.perform(Step.WRITE_SETTINGS, Step.ENABLE, of=two())
    assert not isinstance(failure.value, ExtensionFailed)
    assert [entry[1] for entry in bench.ran.log] == ["INSTALL", "ENABLE"]
    assert not any(name.startswith("x.") for name in bench.fake.files.names(folder().config))


def test_one_extensions_failed_enable_leaves_the_handler_as_it_is() -> None:
    bench = Bench(supportsMultipleExtensions=True)
    bench.perform(Step.DOWNLOAD, Step.INSTALL, of=two())
    before = bench.said()
    bench.ran.codes[Step.ENABLE] = Code.ENABLE
    with pytest.raises(ExtensionFailed) as failure:
        bench.perform(Step.ENABLE, of=two())
    assert failure.value.code == Code.ENABLE
    assert bench.said() == before
    assert not bench.store.extension_enabled(folder(), "x")


def test_withdrawing_the_last_extension_leaves_the_handler_installed() -> None:
    bench = Bench(supportsMultipleExtensions=True)
    bench.perform(Step.DOWNLOAD, Step.INSTALL, Step.ENABLE, of=two())
    bench.perform(Step.ENABLE, of=two(), which=1)
    bench.ran.codes[Step.DISABLE] = Code.DISABLE  # which keeps nothing from going
    for which, state in ((0, HandlerState.ENABLED), (1, HandlerState.INSTALLED)):
        bench.perform(Step.DISABLE, Step.FORGET, of=two(), which=which)
        assert bench.store.state(folder()) is state
    bench.ran.log.clear()
    bench.perform(Step.DISABLE, of=two())
    assert bench.ran.log == []


def test_disabling_a_handler_disables_what_is_enabled_here_under_the_numbers_that_are_known() -> None:
    bench = Bench(supportsMultipleExtensions=True)
    bench.perform(Step.DOWNLOAD, Step.INSTALL, Step.ENABLE, of=two())
    bench.perform(Step.ENABLE, of=two(), which=1)
    bench.ran.log.clear()
    bench.perform(Step.DISABLE_EVERY, of=handler(settings(7, name="y"), multi_config=True))
    assert bench.ran.log == [("1.0.0", "DISABLE_EVERY", "x", 0), ("1.0.0", "DISABLE_EVERY", "y", 7)]


def test_an_extension_that_was_disabled_before_another_failed_is_not_disabled_again() -> None:
    bench = Bench(supportsMultipleExtensions=True)
    bench.perform(Step.DOWNLOAD, Step.INSTALL, Step.ENABLE, of=two())
    bench.perform(Step.ENABLE, of=two(), which=1)
    bench.store.set_extension_disabled(folder(), "x")
    bench.ran.log.clear()
    bench.perform(Step.DISABLE_EVERY, of=two())
    assert [entry[2] for entry in bench.ran.log] == ["y"]


def test_a_failed_uninstall_is_swallowed() -> None:
    bench = Bench()
    bench.perform(Step.DOWNLOAD)
    bench.ran.codes[Step.UNINSTALL] = Code.PROCESSING
    bench.perform(Step.UNINSTALL, Step.REMOVE)
    assert bench.store.installed() == ()
    assert len(bench.fake.log.of("handler.uninstall_failed")) == 1


def test_a_placed_status_is_an_error_where_the_handler_has_said_nothing() -> None:
    bench = Bench()
    target = item(two())
    bench.steps.place_status(target, folder(), HandlerError("why", code=Code.ENABLE))
    document = json.loads(bench.fake.files.read(folder().status / "x.3.status", at_most=10_000))
    status = document[0]["status"]
    assert (status["name"], status["status"], status["code"]) == (f"{NAME}.x", "error", Code.ENABLE)
    bench.fake.files.replace(folder().status / "x.3.status", b"mine")
    bench.steps.place_status(target, folder(), HandlerError("why"))
    assert bench.fake.files.read(folder().status / "x.3.status", at_most=10) == b"mine"
    bench.steps.place_status(item(handler()), folder(), HandlerError("why"))
