"""Puts the agent together: the one place that chooses adapters, and the place to see what depends on what.

`real_machine` makes the ports of this Linux machine; `assemble` makes an agent of any machine, which is what tests give a fake to.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.agent.artifacts import Artifacts
from limpet.agent.board import Board
from limpet.agent.bridge import Bridge, ask_network_os
from limpet.agent.cadence import Cadence
from limpet.agent.certificates import Certificates
from limpet.agent.chores import HEALTH_EVERY, TELEMETRY_EVERY, Chore, Chores, HostHealth
from limpet.agent.cloudinit import CloudInit
from limpet.agent.commands import Commands
from limpet.agent.dependencies import Dependencies
from limpet.agent.duties.duties import SOON, TABLES, wishes
from limpet.agent.duties.signs import Senses
from limpet.agent.duties.watch import Watch
from limpet.agent.fabric import Fabric
from limpet.agent.history import History
from limpet.agent.layout import Layout
from limpet.agent.machine import Machine
from limpet.agent.metadata_watch import METADATA_EVERY, METADATA_FIRST, MetadataWatch
from limpet.agent.owning import Owner
from limpet.agent.packages import Packages
from limpet.agent.parameters import machine_parameters
from limpet.agent.policy import Policy
from limpet.agent.poll import Poller
from limpet.agent.refusals import WatchedHttp
from limpet.agent.report import RUNNING, Report
from limpet.agent.reporter import Reporter
from limpet.agent.runner import Runner
from limpet.agent.running import GUEST_SHELL
from limpet.agent.statuses import Statuses
from limpet.agent.steps import Steps
from limpet.agent.store import Store
from limpet.agent.telemetry import Common, Telemetry
from limpet.agent.work import Worker
from limpet.host.cgroups import RealControlGroups
from limpet.host.chance import RealRandom
from limpet.host.commands import RealCommands
from limpet.host.fetch import WorkerFetcher
from limpet.host.files import RealFiles
from limpet.host.http import PlainHttp
from limpet.host.kernel import RealKernel
from limpet.host.lookout import RealLookout
from limpet.host.machine import guest_info
from limpet.host.process import HandlerProcesses
from limpet.host.told import ToldHttp
from limpet.host.vault import OpensslVault
from limpet.host.workers import RealWorkers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypedDict

    from limpet.agent.handed import Handed
    from limpet.agent.news import News
    from limpet.agent.policy_file import PolicyFile
    from limpet.agent.running import Running
    from limpet.config.settings import Config
    from limpet.host.ports import Clock, Fetcher, Http, Log

    class PollSettings(TypedDict):
        """What the configuration says of polling."""

        cadence: Cadence
        use_fast_track: bool
        honour_hold: bool
        initial_period: float

    class ReportSettings(TypedDict):
        """What the configuration says of reports."""

        family: str
        extensions_enabled: bool
        says: str
        policy: Policy


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """The agent's tasks, each a step function, and what they share."""

    board: Board
    poller: Poller
    worker: Worker
    reporter: Reporter
    chores: Chores
    commands: Commands
    owner: Owner
    machine: Machine

    def close(self) -> None:
        """End the short-lived workers, and leave the control groups."""
        self.machine.fetcher.close()
        self.owner.close()


def real_machine(
    config: Running, clock: Clock, log: Log, *, http: Http | None = None, fetcher: Fetcher | None = None
) -> Machine:
    """This Linux machine. http, fetcher: what talks, where somebody else must be able to end it."""
    files = RealFiles()
    http = http or PlainHttp(user_agent=config.user_agent)
    return Machine(
        http=ToldHttp(http, log, clock) if config.log_verbose else http,
        files=files,
        commands=RealCommands(),
        processes=HandlerProcesses(clock, record=config.library / ".command"),
        workers=RealWorkers(clock),
        cgroups=RealControlGroups(),
        vault=OpensslVault(config.library, openssl=config.openssl),
        fetcher=fetcher or WorkerFetcher(proxy=config.proxy),
        clock=clock,
        chance=RealRandom(),
        log=log,
        guest=guest_info(__version__),
        ask_network_os=ask_network_os if config.stage == GUEST_SHELL else None,
    )


def build(config: Running, clock: Clock, log: Log) -> Agent:
    """The agent for this machine."""
    machine = real_machine(config, clock, log)
    return assemble(
        config,
        machine,
        wire_server=config.wire_server,
        host_plugin=config.host_plugin,
        more=duties(config, machine),
    )


def duties(config: Running, machine: Machine) -> list[Chore]:
    """What is done for the machine; nothing where it is somebody else's."""
    wanted = wishes(config)
    if not wanted:
        return []
    senses = Senses(
        files=machine.files, kernel=RealKernel(), lookout=RealLookout(TABLES), clock=machine.clock
    )
    watch = Watch(wanted, senses, machine.workers, machine.log)
    return [Chore(do=watch.do, period=watch.period, first=SOON)]


def assemble(
    config: Config | Running,
    machine: Machine,
    *,
    wire_server: str,
    host_plugin: str,
    more: Sequence[Chore] = (),
    news: News | None = None,
    handed: Handed | None = None,
    status_first: float = 0.0,
) -> Agent:
    """The agent on any machine. more: further chores. handed: a supervisor's events. news, status_first: see Poller."""
    files, clock, log = machine.files, machine.clock, machine.log
    board, layout = Board(), Layout(library=config.library, logs=config.log_dir)
    files.make_folder(layout.library, mode=0o700)
    machine = watched(config, machine, board, wire_server, host_plugin)
    places = {"wire_server": wire_server, "host_plugin": host_plugin}
    fabric = Fabric(machine.http, clock, machine.chance, elsewhere=machine.fetcher, **places)
    store = Store(files, layout, log)
    certificates = Certificates(fabric, machine, library=layout.library)
    scratch = layout.library / ".fetched"
    artifacts = Artifacts(fabric, machine.fetcher, files, machine.chance, log, scratch=scratch)
    history = History(files, clock, log, layout.history)
    facts = machine_parameters(machine.guest)
    common = Common(fabric, board, machine, facts=facts, metadata=config.metadata_endpoint)
    telemetry = Telemetry(store, fabric, machine, common.parameters)
    address = wire_server.partition(":")[0]
    owner = Owner.of(config, machine)
    commands = Commands(
        store, machine, telemetry, wire_server=address, environment=dict(os.environ), limiter=owner.limiter
    )
    statuses = Statuses(store, clock)
    listed = listing(config, machine)
    report = Report(board, store, statuses, clock, machine.guest, policy_file=listed, **reporting(config))
    found = chores(config, HostHealth(fabric, clock), telemetry, handed, behind(config, machine, board, news))
    found += [*owner.chores(config, machine, fabric, board, store, telemetry), *more]
    return Agent(
        board=board,
        poller=Poller(
            fabric,
            board,
            certificates,
            artifacts,
            history,
            machine,
            layout=layout,
            news=news,
            status_first=status_first,
            **polling(config),
        ),
        worker=worker(config, machine, board, store, artifacts, certificates, commands, listed),
        reporter=Reporter(
            board, report, statuses, fabric, history, machine, heartbeat=config.status_heartbeat, news=news
        ),
        chores=Chores(found, clock, log),
        commands=commands,
        owner=owner,
        machine=machine,
    )


def watched(
    config: Config | Running, machine: Machine, board: Board, wire_server: str, host_plugin: str
) -> Machine:
    """`machine`, with an eye on a platform that refuses all that is asked."""
    services = {
        wire_server.removesuffix(":80"): "the wire server",
        host_plugin: "the host plugin",
        config.metadata_endpoint: "the instance metadata service",
    }
    return replace(machine, http=WatchedHttp(machine.http, board, machine.clock, machine.log, services))


def worker(
    config: Config | Running,
    machine: Machine,
    board: Board,
    store: Store,
    artifacts: Artifacts,
    certificates: Certificates,
    commands: Commands,
    listed: PolicyFile | None,
) -> Worker:
    """What does the goal states' work."""
    packages = Packages(store, artifacts, machine.fetcher, machine.clock, machine.log)
    steps = Steps(store, packages, commands, certificates, machine, changed=board.ring)
    return Worker(
        board,
        Runner(store, packages, steps, machine.log, board),
        Dependencies(Statuses(store, machine.clock), board, machine),
        CloudInit(machine, config.wait_for_cloud_init, config.cloud_init_timeout, config.library),
        store,
        machine,
        extensions_enabled=config.extensions_enabled,
        policy=Policy.of(config),
        bridge=Bridge(machine.ask_network_os),
        policy_file=listed,
    )


def listing(config: Config | Running, machine: Machine) -> PolicyFile | None:
    """An administrator's policy file, where it is obeyed."""
    if not config.obey_policy:
        return None
    from limpet.agent.policy_file import PolicyFile  # noqa: PLC0415 - few machines have one

    return PolicyFile(machine.files, config.policy_file, machine.log)


def polling(config: Config | Running) -> PollSettings:
    """How the fabric is followed."""
    return {
        "cadence": Cadence(period=config.goal_state_period),
        "use_fast_track": config.fast_track,
        "honour_hold": config.over_provisioning,
        "initial_period": config.goal_state_initial_period,
    }


def reporting(config: Config | Running) -> ReportSettings:
    """What the report must know of the configuration."""
    shell = getattr(config, "shell", None)
    return {
        "family": config.family,
        "extensions_enabled": config.extensions_enabled,
        "policy": Policy.of(config),
        "says": RUNNING if shell is None else f"{shell}: {RUNNING}",
    }


def behind(config: Config | Running, machine: Machine, board: Board, news: News | None) -> list[Chore]:
    """What is looked at behind a network OS, whose supervisor hears of it by the news; nothing elsewhere."""
    if news is None:
        return []
    watch = MetadataWatch(board, machine, config.metadata_endpoint)
    return [Chore(do=watch.look, period=METADATA_EVERY, first=METADATA_FIRST)]


def chores(
    config: Config | Running,
    health: HostHealth,
    telemetry: Telemetry,
    handed: Handed | None,
    further: Sequence[Chore] = (),
) -> list[Chore]:
    """What is done from time to time; nothing of it while the first goal state is on its way."""
    send = telemetry.send if handed is None else partial(handed.send, telemetry)
    found = [Chore(do=health.observe, period=HEALTH_EVERY, first=15.0), *further]
    if config.telemetry:
        found += [
            Chore(do=send, period=TELEMETRY_EVERY, first=30.0),
            Chore(do=telemetry.collect, period=config.telemetry_collection_period, first=45.0),
        ]
    return found
