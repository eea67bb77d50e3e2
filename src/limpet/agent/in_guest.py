"""The resident agent in a guest shell: everything is loaded, then it waits for the fabric lease, then it is the agent as anywhere.

Nothing counts while it is parked: what measures time is made when the lease has come.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from limpet.agent import ready
from limpet.agent.build import assemble, real_machine
from limpet.agent.chores import Chore
from limpet.agent.fabric import Fabric
from limpet.agent.handed import Handed
from limpet.agent.lease import LOST, FabricLease, LeasedFetcher, LeasedHttp
from limpet.agent.news import News
from limpet.agent.tasks import STATUS_FIRST, Tasks
from limpet.guest.fabric_lease import IN_THE_GUEST, LOCK, Holder
from limpet.host.fetch import WorkerFetcher
from limpet.host.http import PlainHttp
from limpet.host.lease_lock import FlockLease, SignalledFolder
from limpet.host.reported import ready_is_known
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from limpet.agent.build import Agent
    from limpet.agent.machine import Machine
    from limpet.agent.running import Running
    from limpet.host.ports import Clock, Log

READY_AGAIN = 5.0
"""How long after a Ready that was not taken another one is sent, seconds."""
READY_AFTER = 0.1
"""When it is sent first, seconds after the grant: the status goes before."""
NEVER = 365 * 24 * 3600.0


def run(running: Running, clock: Clock, log: Log) -> int:
    """Park, then run the agent until it is told to stop or has lost the lease. Gives the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # while it is parked there is nothing to finish
    http = PlainHttp(user_agent=running.user_agent)
    fetcher = WorkerFetcher(proxy=running.proxy)
    machine = real_machine(running, clock, log, http=http, fetcher=fetcher)
    lease = FabricLease(
        IN_THE_GUEST,
        Holder.GUEST_SHELL,
        FlockLease(IN_THE_GUEST / LOCK),
        machine.files,
        log,
        boot="",  # a container runtime gives its guests a boot id of their own; the folder is gone with a start all the same
    )
    changes = SignalledFolder(IN_THE_GUEST)
    prepare(machine)
    if not _parked(lease, changes, log):
        return 1

    def abort() -> None:
        http.abort()
        fetcher.abort()

    tasks = granted(running, machine, lease, partial(Tasks, abort=abort), status_first=STATUS_FIRST)
    changes.call(tasks.look_at_lease)
    return tasks.run()


def _parked(lease: FabricLease, changes: SignalledFolder, log: Log) -> bool:
    """Whether the lease has come; what keeps it from coming at all is said."""
    try:
        lease.park(changes)
    except HostError as error:
        problem = f"limpet agent: {error}"
    else:
        return True
    log.error("agent.not_parked", problem=problem)
    sys.stderr.write(f"{problem}\n")
    return False


def prepare(machine: Machine) -> None:
    """Do what needs no fabric and takes time: the transport key, which is this stage's own."""
    try:
        machine.vault.transport_certificate()
    except HostError as error:
        machine.log.warning("certificates.not_prepared", problem=error)


def granted(
    running: Running,
    machine: Machine,
    lease: FabricLease,
    tasks: Callable[[Agent, Log, FabricLease], Tasks],
    exchange: Path = IN_THE_GUEST,
    *,
    status_first: float = 0.0,
) -> Tasks:
    """The agent behind the fence, with the lease in its hand. status_first: see Poller; nothing where there are no threads."""
    machine = replace(
        machine, http=LeasedHttp(machine.http, lease), fetcher=LeasedFetcher(machine.fetcher, lease)
    )
    news = News(exchange, lease.epoch or 0, machine.files, machine.clock, machine.log)
    agent = assemble(
        running,
        machine,
        wire_server=running.wire_server,
        host_plugin=running.host_plugin,
        more=[owed(running, machine, news)] if running.owes_ready else [],
        news=news,
        handed=Handed(exchange, machine.files, machine.log, news),
        status_first=status_first,
    )
    return tasks(agent, machine.log, lease)


def owed(running: Running, machine: Machine, news: News) -> Chore:
    """The report that the VM is ready, until the fabric has taken it; once. Source: network-appliance.md §8.3."""
    fabric = Fabric(
        machine.http,
        machine.clock,
        machine.chance,
        wire_server=running.wire_server,
        host_plugin=running.host_plugin,
    )

    def say() -> float:
        known = ready_is_known(machine.files)  # this agent was started again: the fabric has heard it
        if not known and not ready.say(fabric, machine.http, machine.files, machine.clock, machine.log):
            return READY_AGAIN
        news.is_ready()
        return NEVER

    return Chore(do=say, period=READY_AGAIN, first=READY_AFTER)


__all__ = ["LOST", "granted", "owed", "prepare", "run"]
