"""An agent on a machine in memory, a fabric in memory, and handlers that do what a test says. No threads, no waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.scenario.core import ENDPOINT, Core
from tests.scenario.handlers import OPERATIONS, SAMPLE, TENANT, enable, package, status_file

from limpet.agent.build import Agent, assemble
from limpet.agent.layout import HandlerFolder, Layout
from limpet.agent.machine import Machine
from limpet.agent.store import Store
from limpet.config.settings import Config
from limpet.emulator.world.goalstates import Publication
from limpet.host.fake import FakeMachine
from limpet.host.log import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.emulator.world.changes import Change
    from limpet.host.fake import FakeClock
    from limpet.host.fake_files import FakeFiles
    from limpet.host.fake_work import Invocation
    from limpet.host.ports import Completed
    from limpet.model.status import AgentStatus, GoalStateAggregate, HandlerStatus

    Part = Callable[[Invocation], Completed | int | None] | Completed | int

LIBRARY = Path("/var/lib/waagent")
LOGS = Path("/var/log/azure")
LAYOUT = Layout(library=LIBRARY, logs=LOGS)


class Journal(EventLog):
    """The log as it is written: every field as text, redacted."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, dict[str, str]]] = []

    def _write(self, level: str, event: str, fields: Mapping[str, str]) -> None:
        self.entries.append((level, event, dict(fields)))

    def of(self, event: str) -> list[dict[str, str]]:
        return [fields for _, name, fields in self.entries if name == event]

    @property
    def text(self) -> str:
        return "\n".join(f"{level} {event} {fields}" for level, event, fields in self.entries)


@dataclass(frozen=True)
class Run:
    """One command that a handler was given."""

    handler: str  # its folder: name and version
    operation: str
    extension: str | None
    environment: Mapping[str, str]

    def __str__(self) -> str:
        extension = f" {self.extension}" if self.extension else ""
        return f"{self.handler.removeprefix('Contoso.')} {self.operation}{extension}"


@dataclass
class Stage:
    """Everything of one scenario.

    parts: what handlers do, by ``Contoso.Sample-1.0.0 enable``, ``Contoso.Sample enable`` or ``enable`` (with a
    multi-config extension's name at its end, if wanted); a function, an exit code, or a Completed. Without a part,
    enable writes the status ``success`` and everything exits with 0. ports: of the real machine, in place of fakes.
    """

    machine: FakeMachine
    core: Core
    config: Config
    log: Journal = field(default_factory=Journal)
    ports: Mapping[str, Any] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    wait: float = 0.0

    def __post_init__(self) -> None:
        self.machine.http.served = self.core.exchange
        self.machine.fetcher.served = self.core.exchange
        for operation in OPERATIONS:
            self.machine.processes.scripts[f"bin/{operation}"] = self._performer(operation)
        self.agent = self._assembled()

    def _assembled(self) -> Agent:
        names = (
            "http", "files", "commands", "processes", "workers", "cgroups", "vault", "fetcher", "clock", "chance", "guest",
        )  # fmt: skip
        fakes = {name: getattr(self.machine, name) for name in names}
        machine = Machine(**{**fakes, "log": self.log, **self.ports})
        return assemble(self.config, machine, wire_server=ENDPOINT, host_plugin=f"{ENDPOINT}:32526")

    @property
    def files(self) -> FakeFiles:
        return self.machine.files

    @property
    def clock(self) -> FakeClock:
        return self.machine.clock

    @property
    def store(self) -> Store:
        return Store(self.files, self.layout, self.log)

    @property
    def layout(self) -> Layout:
        return Layout(library=self.config.library, logs=self.config.log_dir)

    def folder(self, name: str = SAMPLE, version: str = "1.0.0") -> HandlerFolder:
        return self.layout.handler(name, version)

    def host(self, name: str = SAMPLE, version: str = "1.0.0", **members: Any) -> None:
        """Let the fabric offer a package. members: of its handlerManifest."""
        self.core.host(package(name, version, **members))

    def publish(self, *changes: Change, **members: Any) -> None:
        """Let the fabric publish a goal state."""
        self.core.publish(Publication(changes=changes, **members))

    def restart(self) -> None:
        """The agent's process ends and starts again; what is on disk stays."""
        self.agent = self._assembled()
        self.wait = 0.0

    def turn(self) -> None:
        """Poll when it is due, work until there is nothing to do, report."""
        self.clock.sleep(self.wait)
        self.wait = self.agent.poller.poll()
        while self.agent.worker.work():
            pass
        self.report()

    def report(self) -> None:
        """Report what there is to report, at the pace of the reporter."""
        self.clock.sleep(self.agent.reporter.report())
        self.agent.reporter.report()

    def live(self, seconds: float) -> None:
        """Live on for so long."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.turn()

    def enabled(self, name: str = SAMPLE, version: str = "1.0.0", **members: Any) -> None:
        """Host, publish and settle one handler with plain settings, and forget what was seen of it."""
        self.host(name, version, **members)
        self.publish(enable(name))
        self.turn()
        assert self.entry(name).status == "Ready", self.entry(name)
        self.runs.clear()

    @property
    def played(self) -> list[str]:
        """What handlers were told to do since the last look."""
        seen = [str(run) for run in self.runs]
        self.runs.clear()
        return seen

    @property
    def status(self) -> AgentStatus:
        """The newest report at the fabric."""
        report = self.core.vm.status
        assert report is not None, "nothing was reported"
        assert report.status is not None
        return report.status

    @property
    def reports(self) -> int:
        return self.core.vm.inbox.statuses.seen

    @property
    def aggregate(self) -> GoalStateAggregate:
        assert self.status.goal_state is not None
        return self.status.goal_state

    def entries(self, name: str = SAMPLE) -> list[HandlerStatus]:
        return [entry for entry in self.status.handlers if entry.name == name]

    def entry(self, name: str = SAMPLE, extension: str | None = None) -> HandlerStatus:
        """The one entry of a handler, or of one extension of it."""
        found = [
            entry
            for entry in self.entries(name)
            if extension is None
            or (entry.settings is not None and entry.settings.extension_name == extension)
        ]
        assert len(found) == 1, f"{len(found)} entries for {name} {extension or ''}"
        return found[0]

    def state(self, name: str = SAMPLE, extension: str | None = None) -> str:
        """The word that is reported of an extension."""
        settings = self.entry(name, extension).settings
        assert settings is not None
        assert settings.status.status is not None
        return settings.status.status.value

    def message(self, name: str = SAMPLE, extension: str | None = None) -> str:
        """The text that is reported of a handler."""
        found = self.entry(name, extension).message
        assert found is not None
        return found.message

    def say(self, run: Invocation, status: str, message: str = "", code: int = 0) -> None:
        """Write a status file, as a handler does for the settings it was called for."""
        number = run.environment["ConfigSequenceNumber"]
        extension = run.environment.get("ConfigExtensionName")
        name = f"{extension}.{number}.status" if extension else f"{number}.status"
        self.files.replace(run.folder / "status" / name, status_file(status, message, code))

    def _performer(self, operation: str) -> Callable[[Invocation], Completed | int | None]:
        def perform(run: Invocation) -> Completed | int | None:
            handler = run.folder.name
            extension = run.environment.get("ConfigExtensionName")
            self.runs.append(Run(handler, operation, extension, run.environment))
            names = [f"{who}{operation}" for who in (f"{handler} ", f"{handler.rpartition('-')[0]} ", "")]
            wanted = [f"{name} {extension}" for name in names] + names
            part = next((self.parts[name] for name in wanted if name in self.parts), None)
            if part is None and operation == "enable":
                self.say(run, "success", "enabled")
            return part(run) if callable(part) else part

        return perform


def stage(
    *, thumbprints: tuple[str, ...] = (TENANT,), fabric: Mapping[str, Any] | None = None, **config: Any
) -> Stage:
    """A machine with an agent that has not polled yet. fabric: settings of the world."""
    machine = FakeMachine(library=LIBRARY)
    core = Core.start(machine.clock, thumbprints=thumbprints, **(fabric or {}))
    return Stage(machine=machine, core=core, config=Config(**{"library": LIBRARY, "log_dir": LOGS, **config}))
