"""Two stages of an appliance in memory, over one fabric and one exchange folder: a guest shell's agent and a status-only one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.scenario.core import ENDPOINT, Core, Elsewhere
from tests.scenario.handlers import TENANT
from tests.scenario.stage import LIBRARY, LOGS, Journal, Stage

from limpet.agent.endpoint import Endpoint
from limpet.agent.in_guest import granted
from limpet.agent.lease import FabricLease, LeasedHttp
from limpet.agent.machine import Machine
from limpet.agent.running import Running
from limpet.agent.status_only import Means, StatusOnly
from limpet.agent.tasks import Tasks
from limpet.config.settings import Config
from limpet.guest.agent_news import LARGEST, NEWS, AgentNews, parse_news
from limpet.guest.fabric_lease import EXCHANGE, GRANT, Grant, Holder, render_grant
from limpet.guest.saying import SAYING, Saying, render_saying
from limpet.host.fake import FakeMachine
from limpet.host.fake_lease import FakeLeaseLock, SharedLock
from limpet.model.errors import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.agent.bridge import Ask
    from limpet.emulator.world.vm import ProvisioningReport
    from limpet.wire.http import Request, Response

PORTS = ("http", "files", "commands", "processes", "workers", "cgroups", "vault", "fetcher", "clock", "chance", "guest")  # fmt: skip


@dataclass
class Appliance:
    """talked: who asked the fabric for something, under which grant, with the grant that held at that moment.

    before: called before each request is answered, as what happens at the same time.
    """

    play: Stage
    shared: SharedLock = field(default_factory=SharedLock)
    talked: list[tuple[Holder, int | None, Grant | None]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    grant: Grant | None = None
    owed: bool = False
    ask: Ask | None = None
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machine, self.core = self.play.machine, self.play.core
        self.machine.files.make_folder(EXCHANGE)
        self.supervisor = FakeLeaseLock(self.shared, self.machine.clock)
        self.guest = GuestSide(self)
        self.status = StatusSide(self)

    @property
    def sides(self) -> tuple[Side, ...]:
        return self.guest, self.status

    def write(self, holder: Holder) -> None:
        epoch = 1 if self.grant is None else self.grant.epoch + 1
        self.grant = Grant(holder=holder, epoch=epoch, boot="")
        self.machine.files.replace(EXCHANGE / GRANT, render_grant(self.grant))

    def revoke(self) -> None:
        """As the supervisor does it: nobody's first; who does not let go of the lock is ended."""
        if self.grant is None or self.grant.holder is not Holder.NOBODY:
            self.write(Holder.NOBODY)
        for side in self.sides:
            side.notice()
        if not self.supervisor.take(wait=False):
            for side in self.sides:
                side.killed()
        assert self.supervisor.take(wait=False)

    def give(self, holder: Holder) -> None:
        self.revoke()
        self.write(holder)
        self.supervisor.give()
        for side in self.sides:
            side.start()

    def news(self) -> AgentNews:
        return parse_news(self.machine.files.read(EXCHANGE / NEWS, at_most=LARGEST))

    def say(self, text: str, state: str = "Ready", health: str | None = None) -> None:
        self.machine.files.replace(
            EXCHANGE / SAYING, render_saying(Saying(state=state, text=text, health=health))
        )

    @property
    def message(self) -> str:
        assert self.play.status.message is not None
        return self.play.status.message.message


class Side:
    """One stage's process. It is parked until it has the lease, and gone when it has lost it."""

    holder: Holder

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.lease: FabricLease | None = None
        self.exit_code: int | None = None

    @property
    def going(self) -> bool:
        return self.lease is not None and self.lease.epoch is not None

    def start(self) -> None:
        """Park where it is not started, and go where the grant is its own."""
        machine = self.appliance.machine
        if self.lease is None:
            self.lock = FakeLeaseLock(self.appliance.shared, machine.clock)
            self.lease = FabricLease(EXCHANGE, self.holder, self.lock, machine.files, machine.log, boot="")
        if not self.going and self.lease.claim(wait=False):
            self.begin(self.lease)

    def turn(self) -> None:
        """Do what is due, where it may; end where it may not any more."""
        if not self.going:
            return
        try:
            self.work()
        except LeaseLost:
            self.end()

    def notice(self) -> None:
        """Hear of a change in the exchange folder."""
        if self.going and self.lease is not None and not self.lease.still_ours():
            self.end()

    def end(self) -> None:
        assert self.lease is not None
        self.lease.let_go(0.0)
        self.exit_code, self.lease = 4, None

    def killed(self) -> None:
        if self.lease is not None:
            self.lock.give()
            self.lease = None

    def exchange(self, request: Request) -> Response:
        assert self.lease is not None
        self.appliance.talked.append((self.holder, self.lease.epoch, self.appliance.grant))
        self.appliance.before()
        return self.appliance.core.exchange(request)

    def begin(self, lease: FabricLease) -> None:
        raise NotImplementedError

    def work(self) -> None:
        raise NotImplementedError


class GuestSide(Side):
    """The full agent."""

    holder = Holder.GUEST_SHELL

    def begin(self, lease: FabricLease) -> None:
        play = self.appliance.play
        fakes = {name: getattr(play.machine, name) for name in PORTS}
        others = {"log": play.log, "http": self, "ask_network_os": self.appliance.ask}
        machine = Machine(**{**fakes, **others})
        running = Running.of(
            Config(library=LIBRARY, log_dir=LOGS, **self.appliance.config),
            wire_server=ENDPOINT,
            host_plugin=f"{ENDPOINT}:32526",
            shell="guest shell",
            owes_ready=self.appliance.owed,
        )
        play.machine.fetcher.served = self.exchange
        tasks = granted(running, machine, lease, Tasks, EXCHANGE)
        play.agent, play.wait = tasks._agent, 0.0

    def work(self) -> None:
        self.appliance.play.agent.chores.do()
        self.appliance.play.turn()


class StatusSide(Side):
    """The status-only agent."""

    holder = Holder.STATUS_ONLY
    saying = Saying(state="Ready", text="handover pending")
    owes_ready = False

    def begin(self, lease: FabricLease) -> None:
        play, machine = self.appliance.play, self.appliance.machine
        endpoint = Endpoint(address=ENDPOINT, origin="a test", wire_port=80, host_plugin_port=32526)
        means = Means(
            http=LeasedHttp(self, lease),
            fetcher=LeasedHttp(Elsewhere(self.exchange), lease),
            files=machine.files,
            library=machine.files,
            clock=machine.clock,
            chance=machine.chance,
            log=play.log,
            guest=machine.guest,
            find=lambda _: endpoint,
            owes_ready=lambda: self.owes_ready,
        )
        config = Config(library=LIBRARY, log_dir=LOGS, **self.appliance.config)
        self.agent = StatusOnly(means, config, lease, self.saying, exchange=EXCHANGE, library=LIBRARY)

    def work(self) -> None:
        self.appliance.machine.clock.sleep(self.agent.turn())


def appliance(*, thumbprints: tuple[str, ...] = (TENANT,), owed: bool = False, **config: Any) -> Appliance:
    machine = FakeMachine(library=LIBRARY)
    core = Core.start(machine.clock, thumbprints=thumbprints)
    play = Stage(machine=machine, core=core, config=Config(library=LIBRARY, log_dir=LOGS), log=Journal())
    return Appliance(play, owed=owed, config=config)


def in_guest(*, owed: bool = False) -> Appliance:
    made = appliance(owed=owed)
    made.give(Holder.GUEST_SHELL)
    return made


def reports_of(made: Appliance) -> list[ProvisioningReport]:
    return [each.value for each in made.core.vm.inbox.health.items]
