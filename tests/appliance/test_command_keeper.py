"""The process that serves requests for commands runs beside the supervisor, where there is a command language."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from limpet.appliance.requests.keeping import AGAIN, DOOR, CommandKeeper
from limpet.config.settings import Config
from limpet.guest.steps import Run
from limpet.host.fake import FakeClock, FakeLog, FakeMachine
from limpet.host.fake_appliance import FakeChild, FakeChildren
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Setting:
    """An appliance as far as this needs it."""

    name: str = "hooks"
    takes: bool = True
    programs: dict[str, Callable[[FakeChild], None]] = field(default_factory=lambda: {DOOR: lambda _: None})

    def __post_init__(self) -> None:
        self.clock, self.log = FakeClock(), FakeLog()
        self.children = FakeChildren(programs=self.programs)
        files = FakeMachine().files
        machine = SimpleNamespace(clock=self.clock, log=self.log, children=self.children, files=files)
        driver = SimpleNamespace(name=self.name, command=self.command)
        appliance: Any = SimpleNamespace(
            machine=machine,
            network_os=driver,
            options=("--set", "commands.allow=show"),
            config=Config(commands_group=27),
        )
        self.keeper = CommandKeeper(appliance)

    def command(self, line: str) -> Run:
        if not self.takes:
            raise HostError("this network OS takes no commands")
        return Run(("acme", line))


def test_it_is_started_with_the_supervisors_own_options_once() -> None:
    setting = Setting()
    setting.keeper.tick()
    setting.keeper.tick()
    assert [(each.module, each.arguments) for each in setting.children.started] == [
        (DOOR, ("/run/limpet/appliance/command.sock", "27", "--set", "commands.allow=show"))
    ]


def test_nothing_is_started_where_there_is_no_command_language() -> None:
    for setting in (Setting(name="kernel"), Setting(takes=False)):
        setting.keeper.tick()
        assert setting.children.started == []


def test_one_that_ends_is_started_again_but_not_all_the_time() -> None:
    setting = Setting()
    setting.keeper.tick()
    setting.children.started[0].kill()
    setting.keeper.tick()
    assert len(setting.children.started) == 1
    setting.clock.sleep(AGAIN)
    setting.keeper.tick()
    assert len(setting.children.started) == 2
    assert setting.log.of("commands.ended")


def test_one_that_cannot_be_started_stops_nobody() -> None:
    setting = Setting(programs={})
    setting.keeper.tick()
    assert setting.log.of("commands.not_started")


def test_it_is_ended_with_the_supervisor() -> None:
    setting = Setting()
    setting.keeper.tick()
    setting.keeper.end()
    assert setting.children.started[0].exit is not None
