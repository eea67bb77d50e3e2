"""Putting the agent together from its configuration: the one place that chooses adapters."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.agent.artifacts import Artifacts
from limpet.agent.board import Board
from limpet.agent.cadence import Cadence
from limpet.agent.certificates import Certificates
from limpet.agent.chores import Chores, HostHealth
from limpet.agent.commands import Commands
from limpet.agent.dependencies import Dependencies
from limpet.agent.endpoint import find_endpoint
from limpet.agent.fabric import Fabric
from limpet.agent.history import History
from limpet.agent.layout import Layout
from limpet.agent.packages import Packages
from limpet.agent.poll import Poller
from limpet.agent.report import Report
from limpet.agent.reporter import Reporter
from limpet.agent.runner import Runner
from limpet.agent.statuses import Statuses
from limpet.agent.steps import Steps
from limpet.agent.store import Store
from limpet.agent.work import Worker
from limpet.host.chance import RealRandom
from limpet.host.fetch import WorkerFetcher
from limpet.host.files import RealFiles
from limpet.host.http import PlainHttp
from limpet.host.machine import guest_info
from limpet.host.process import HandlerProcesses
from limpet.host.vault import OpensslVault

if TYPE_CHECKING:
    from limpet.agent.settings import Config
    from limpet.host.ports import Clock, Fetcher, Files, Http, Log, Processes, Random, Vault
    from limpet.model.status import GuestInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Everything the agent needs of a machine. Tests give fakes."""

    http: Http
    files: Files
    processes: Processes
    vault: Vault
    fetcher: Fetcher
    clock: Clock
    chance: Random
    log: Log
    guest: GuestInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """The agent's tasks, each a step function, and what they share."""

    board: Board
    poller: Poller
    worker: Worker
    reporter: Reporter
    chores: Chores
    commands: Commands
    ports: Ports

    def close(self) -> None:
        """End the short-lived workers."""
        self.ports.fetcher.close()


def real_ports(config: Config, clock: Clock, log: Log) -> Ports:
    """This Linux machine."""
    files = RealFiles()
    return Ports(
        http=PlainHttp(user_agent=f"limpet/{__version__}"),
        files=files,
        processes=HandlerProcesses(clock),
        vault=OpensslVault(config.library, openssl=config.openssl),
        fetcher=WorkerFetcher(proxy=config.proxy),
        clock=clock,
        chance=RealRandom(),
        log=log,
        guest=guest_info(__version__),
    )


def build(config: Config, clock: Clock, log: Log) -> Agent:
    """The agent for this machine. Raises: FabricError, when no endpoint answers."""
    ports = real_ports(config, clock, log)
    endpoint = find_endpoint(config, ports.http, ports.files, clock, log)
    return assemble(config, ports, wire_server=endpoint.wire_server, host_plugin=endpoint.host_plugin)


def assemble(config: Config, ports: Ports, *, wire_server: str, host_plugin: str) -> Agent:
    """The agent on any machine that has `ports`."""
    files, clock, log = ports.files, ports.clock, ports.log
    layout = Layout(library=config.library, logs=config.log_dir)
    files.make_folder(layout.library, mode=0o700)
    board = Board()
    fabric = Fabric(ports.http, clock, ports.chance, wire_server=wire_server, host_plugin=host_plugin)
    store = Store(files, layout, log)
    certificates = Certificates(fabric, ports.vault, files, log, library=layout.library)
    artifacts = Artifacts(
        fabric, ports.fetcher, files, ports.chance, log, scratch=layout.library / ".fetched"
    )
    history = History(files, clock, log, layout.history)
    packages = Packages(store, artifacts, ports.fetcher, log)
    commands = Commands(
        store,
        ports.processes,
        clock,
        log,
        wire_server=wire_server.partition(":")[0],
        environment=dict(os.environ),
    )
    steps = Steps(store, packages, commands, certificates, clock, log, changed=board.ring)
    statuses = Statuses(store, clock)
    return Agent(
        board=board,
        poller=Poller(
            fabric,
            board,
            certificates,
            artifacts,
            history,
            files,
            clock,
            log,
            layout=layout,
            cadence=Cadence(period=config.goal_state_period),
            use_fast_track=config.fast_track,
            honour_hold=config.over_provisioning,
        ),
        worker=Worker(
            board,
            Runner(store, packages, steps, log, board),
            Dependencies(Statuses(store, clock), board, clock, log),
            store,
            clock,
            log,
            extensions_enabled=config.extensions_enabled,
        ),
        reporter=Reporter(
            board,
            Report(board, store, statuses, clock, ports.guest),
            statuses,
            fabric,
            ports.fetcher,
            files,
            history,
            clock,
            log,
            heartbeat=config.status_heartbeat,
        ),
        chores=Chores(HostHealth(fabric, clock)),
        commands=commands,
        ports=ports,
    )
