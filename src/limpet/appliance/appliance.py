"""The appliance as the supervisor has it in hand: the machine, the drivers, the journal, and what is running."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.appliance.chronicle import Chronicle, fold
from limpet.appliance.granting import FabricLease
from limpet.appliance.inventory import site_of
from limpet.appliance.shell import shell_plan
from limpet.guest.agent_news import LARGEST, NEWS, parse_news
from limpet.guest.fabric_lease import EXCHANGE, Holder
from limpet.host.facts import namespaces
from limpet.host.facts.reading import bytes_of
from limpet.host.reported import boot_id
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from limpet.appliance.guest.contract import Runtime, ShellPlan, ShellSight
    from limpet.appliance.journal import Journal
    from limpet.appliance.machine import Machine
    from limpet.appliance.networkos.contract import NetworkOs
    from limpet.config.settings import Config
    from limpet.guest.agent_news import AgentNews
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Site
    from limpet.guest.steps import Outcome, Step, Task
    from limpet.host.appliance_ports import Child

NETWORKS = ("limpet-nos", "limpet-guest")
SAYING = "saying.json"
"""In the exchange folder: what the status-only agent says, replaced while it runs."""


WISH = "wish"
"""In the exchange folder: an operator's word, read when a signal comes."""


class Stopped(BaseException):
    """This process is asked to end; everything stays as it is."""


class Appliance:
    """One appliance. Not shared between threads: the supervisor is one loop."""

    def __init__(
        self,
        machine: Machine,
        config: Config,
        network_os: NetworkOs,
        runtime: Runtime,
        journal: Journal,
        options: Sequence[str] = (),
    ) -> None:
        """options: what this program was started with (``--config``, ``--set``), for the programs that it starts."""
        self.machine = machine
        self.config = config
        self.network_os = network_os
        self.runtime = runtime
        self.journal = journal
        self.options = tuple(options)
        self.boot = boot_id(machine.files)
        self.chronicle: Chronicle = fold(journal.records)
        same_boot = self.chronicle.boot == self.boot
        self.lease = FabricLease(
            machine,
            self._granted,
            holder=self.chronicle.holder if same_boot else Holder.NOBODY,
            epoch=self.chronicle.epoch,
            boot=self.boot,
        )
        self.status_agent: Child | None = None
        self.problem: str | None = None
        self.wishes: set[str] = set()
        self.seen: Seen | None = None
        """As the NICs were when they were last looked at."""
        self.tick: Callable[[], None] = lambda: None
        """Called whenever the supervisor lets time pass: it must be quick."""

    # --- memory

    def note(self, kind: str, **facts: object) -> None:
        """Write something into the journal, on the disk, before it takes effect. Raises: HostError."""
        record = self.journal.note(kind, facts, at=self.machine.clock.now(), boot=self.boot)
        self.chronicle = fold((record,), self.chronicle)

    def compact(self) -> None:
        """Keep the journal small: of each kind the last record, leases and moves of each NIC. Raises: HostError."""
        kept = {(each.kind, each.facts.get("mac")): each for each in self.journal.records}
        self.journal.compact(sorted(kept.values(), key=lambda each: each.number))

    def _granted(self, holder: Holder, epoch: int) -> None:
        self.note("grant", holder=holder.value, epoch=epoch)

    def news(self) -> AgentNews | None:
        """What the agent that has the fabric lease says of itself; None while it has said nothing under this grant."""
        content = bytes_of(self.machine.files, EXCHANGE / NEWS, at_most=LARGEST)
        try:
            found = None if content is None else parse_news(content)
        except MalformedDocument:
            return None
        return found if found is not None and found.epoch == self.lease.epoch else None

    # --- the world

    def look(self) -> Seen:
        """The NICs of all three namespaces. Raises: HostError."""
        self.seen = namespaces.look(self.machine.files, self.machine.commands, NETWORKS)
        return self.seen

    def site(self) -> Site:
        """The network as it shall be. Raises: HostError."""
        return site_of(
            self.chronicle.nics, self.chronicle.leases, self.config, self.machine.kernel.host_name()
        )

    def shell(self) -> ShellPlan:
        """The guest shell as it shall be. Raises: HostError, when there is no image."""
        return shell_plan(self.config, self.chronicle, self.site(), self.machine.files)

    def guest(self) -> ShellSight:
        """How the guest shell is. Raises: HostError."""
        return self.runtime.look(self.shell(), self.machine.files, self.machine.commands)

    def apply(self, tasks: Iterable[Task]) -> list[Outcome]:
        """Do all tasks; those that another one needs are left out when that fails. Raises: HostError, for one that failed."""
        outcomes = self.machine.interpreter.apply(tasks, self._told)
        failed = next((each for each in outcomes if each.failed and each.task.required), None)
        if failed is not None:
            raise HostError(failed.describe())
        return outcomes

    def do(self, steps: Iterable[Step]) -> None:
        """Do steps in order. Raises: HostError, for the first that fails, naming it."""
        for step in steps:
            try:
                self.machine.interpreter.do(step)
            except HostError as error:
                raise HostError(f"cannot {step.describe()}: {error}") from error

    def _told(self, outcome: Outcome) -> None:
        if outcome.failed:
            self.machine.log.warning("appliance.task", task=outcome.task.name, problem=outcome.describe())
        elif outcome.state == "done":
            self.machine.log.info("appliance.task", task=outcome.task.name, seconds=round(outcome.seconds, 3))

    # --- time

    def pause(self, seconds: float) -> set[str]:
        """Let time pass until something happens. Gives the words for it. Raises: Stopped."""
        self.tick()
        happened = set(self.machine.surroundings.wait(seconds))
        if "stop" in happened:
            raise Stopped
        if "wish" in happened:
            self._wished()
        return happened

    def _wished(self) -> None:
        """Read what an operator wants; a word that is not known is nothing."""
        content = bytes_of(self.machine.files, EXCHANGE / WISH, at_most=4096) or b""
        self.wishes |= set(content.decode("ascii", "replace").split())
        self.machine.files.remove(EXCHANGE / WISH)

    def await_end(self, child: Child, timeout: float) -> bool:
        """Wait for a child. Says whether it has ended in time. Raises: Stopped."""
        deadline = self.machine.clock.monotonic() + timeout
        while child.ended() is None:
            left = deadline - self.machine.clock.monotonic()
            if left <= 0:
                return False
            self.pause(min(0.02, left))
        return True

    # --- the status-only agent

    def say(self, text: str, *, state: str = "Ready") -> None:
        """Have the status-only agent say it from now on, whenever it runs. Raises: HostError."""
        self.machine.files.make_folder(EXCHANGE)
        content = json.dumps({"version": 1, "state": state, "text": text}).encode("ascii") + b"\n"
        self.machine.files.replace(EXCHANGE / SAYING, content, durable=False)

    def start_status_agent(self, text: str, *, state: str = "Ready", network: str | None = None) -> None:
        """Have a status-only agent report, on the host or in a namespace; one that runs there already is told the new text.

        Raises: HostError.
        """
        self.say(text, state=state)
        running = self.status_agent
        if running is not None and running.ended() is None and self.lease.holder is Holder.STATUS_ONLY:
            return
        self.lease.revoke()
        self.lease.grant(Holder.STATUS_ONLY)
        self.status_agent = self.machine.children.start(
            "limpet.agent.main",
            "--status-only",
            "--saying",
            text,
            "--state",
            state,
            *self.options,
            network=network,
        )

    def end_status_agent(self, text: str | None = None) -> AgentNews | None:
        """Have its last report sent, and the fabric lease back. Gives its last news. Raises: HostError."""
        if text is not None:
            self.say(text)
        agent, self.status_agent = self.status_agent, None
        if agent is not None and agent.ended() is None:
            agent.ask()
            if not self.await_end(agent, 5.0):
                agent.kill()
        last = self.news()
        self.lease.revoke()
        return last

    # --- what others read

    def with_problem(self, problem: str | None) -> None:
        """Note for people why things are not better; None when they are."""
        self.problem = problem
        self.chronicle = replace(self.chronicle, problem=problem)
