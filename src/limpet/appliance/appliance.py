"""The appliance as the supervisor has it in hand: the machine, the drivers, the journal, and what is running.

Phases are given this one object. It looks at the machine, makes the values that plans start from (`site`, `shell`), applies
tasks, and starts and ends the status-only agent. It decides nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.appliance.chronicle import Chronicle, compacted, fold
from limpet.appliance.granting import FabricLease
from limpet.appliance.inventory import site_of
from limpet.appliance.revivals import Revivals
from limpet.appliance.shell import shell_plan
from limpet.appliance.telling import Telling
from limpet.appliance.terms import led
from limpet.guest.agent_news import LARGEST, NEWS, parse_news
from limpet.guest.fabric_lease import EXCHANGE, Holder
from limpet.guest.saying import FAILED, NOT_READY, READY, SAYING, Saying, one_line, render_saying
from limpet.host.facts import namespaces
from limpet.host.facts.reading import bytes_of
from limpet.host.reported import boot_id
from limpet.model.errors import HostError, MalformedDocument
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from limpet.appliance.guest.contract import Runtime, ShellPlan, ShellSight
    from limpet.appliance.journal import Journal
    from limpet.appliance.machine import Machine
    from limpet.appliance.networkos.contract import NetworkOs, Pulse
    from limpet.appliance.terms import Change, Led
    from limpet.config.settings import Config
    from limpet.guest.agent_news import AgentNews
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Outcome, Step, Task
    from limpet.host.appliance_ports import Child
    from limpet.host.ports import Files

NETWORKS = ("limpet-nos", "limpet-guest")
_LEFT_FIRST, _LEFT_LONGEST = 30.0, 600.0
_STATUS_AGAIN = 2.0
"""How long after a start that failed the status-only agent is started again, seconds."""

_NEWS = EXCHANGE / NEWS
_LAST_WORDS = 5.0
"""How long a status-only agent may take for its last report on a usual machine, seconds."""
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
        self.led: Callable[[Config, Files], Led] = led
        self.change: Change | None = None
        """While what was handed over by other settings is being taken back."""
        self.journal = journal
        self.options = tuple(options)
        self.boot = boot_id(machine.files)
        self.chronicle: Chronicle = fold(journal.records)
        holder, epoch = self.chronicle.holder_in(self.boot), self.chronicle.epoch
        self.lease = FabricLease(machine, self._granted, holder=holder, epoch=epoch, boot=self.boot)
        self.telling = Telling(machine)
        self.status_agent: Child | None = None
        self.problem: str | None = None
        self._news: AgentNews | None = None
        self._news_content = b""
        self._site: tuple[tuple[tuple[Nic, ...], Mapping[str, AcquiredLease], str], Site] | None = None
        self._shell: tuple[Site, ShellPlan] | None = None
        self.steadfast = False
        """Whether an end that was asked for has to wait: half of the NICs moved is no state to be left in."""
        self._end_asked = self._journal_told = False
        self._status: tuple[str, str, str | None, bool] | None = None
        self._status_due = 0.0
        self.wishes: set[str] = set()
        self.revivals = Revivals()
        self.agent_hangs = False
        """Whether the guest shell's agent holds the lock and does nothing: it looks well, and is not."""
        self.last_sign: tuple[object, float] = (None, machine.clock.monotonic())
        """The last sign of life of the guest shell's agent, and when it was seen or the agent began, on the monotonic clock."""
        self.last_heard: object = None
        """What it last told of an exchange with the fabric that went well: epoch and times."""
        self.aways = self.unreached = 0
        """How often in a row a rescue found the NICs with the network OS still, and the fabric was lost and not found again."""
        self.unprovisioned = 0
        """How often in a row the boot stage left the VM unprovisioned."""
        self.left_behind: dict[str, tuple[int, float]] = {}
        """NICs that could not be given to the network OS, by MAC: how often, and when that is tried again."""
        self._sight: tuple[float, ShellSight] | None = None
        self._pulse: tuple[float, Pulse] | None = None
        self.seen: Seen | None = None
        """As the NICs were when they were last looked at."""
        self.slowness = 1.0
        """How many times as long as usual the guest shell took to start: a slow machine is waited for longer."""
        self.tick: Callable[[], None] = lambda: None
        """Called whenever the supervisor lets time pass: it must be quick."""

    # --- memory

    @property
    def same_boot(self) -> bool:
        """Whether the last state that the journal knows is of this boot of the machine."""
        return bool(self.boot) and self.chronicle.boot == self.boot

    def note(self, kind: str, **facts: object) -> None:
        """Write something into the journal, on the disk, before it takes effect. Raises: HostError, for what is no record."""
        record = self.journal.note(kind, facts, at=self.machine.clock.now(), boot=self.boot)
        self.chronicle = fold((record,), self.chronicle)
        self._tell_journal()

    def compact(self) -> None:
        """Keep the journal small: what it says, in as few records as that takes."""
        self.journal.compact(compacted(self.journal.records))

    def _tell_journal(self) -> None:
        problem = self.journal.problem
        if problem is not None and not self._journal_told:
            self.machine.log.error(
                "journal.unwritable",
                problem=problem,
                remedy="make room on the disk; until then a power cut costs what happens from now on",
            )
        elif problem is None and self._journal_told:
            self.machine.log.info("journal.written_again")
        self._journal_told = problem is not None

    def _granted(self, holder: Holder, epoch: int) -> None:
        self.note("grant", holder=holder.value, epoch=epoch)

    def news(self) -> AgentNews | None:
        """What the agent that has the fabric lease says of itself; None while it has said nothing under this grant."""
        content = bytes_of(self.machine.files, _NEWS, at_most=LARGEST)
        if content is None:
            return None
        if content != self._news_content:
            try:
                self._news = parse_news(content)
            except MalformedDocument:
                self._news = None
            self._news_content = content
        found = self._news
        if found is None or found.epoch != self.lease.epoch:
            return None
        if found.told:
            self.telling.sent(found.told)
        return found

    def sign_of_life(self) -> object:
        """Another value whenever the agent has written its news, also the same news."""
        try:
            info = self.machine.files.info(_NEWS)
        except HostError:
            return None
        return None if info is None else (info.changed_ns, info.modified, info.size)

    # --- the world

    def look(self) -> Seen:
        """The NICs of all three namespaces. Raises: HostError."""
        self.seen = namespaces.look(self.machine.files, self.machine.commands, NETWORKS)
        return self.seen

    def site(self) -> Site:
        """The network as it shall be. Raises: HostError."""
        nics, leases, name = self.chronicle.nics, self.chronicle.leases, self.machine.kernel.host_name()
        known = self._site
        if known is None or known[0][0] is not nics or known[0][1] is not leases or known[0][2] != name:
            known = self._site = ((nics, leases, name), site_of(nics, leases, self.config, name))
        return known[1]

    def shell(self) -> ShellPlan:
        """The guest shell as it shall be. Raises: HostError, when there is no image."""
        return shell_plan(self.config, self.chronicle, self.site(), self.machine.files)

    def guest(self, *, within: float = 0.0) -> ShellSight:
        """How the guest shell is, also when its image has gone meanwhile. Raises: HostError.

        within: how long ago it may have been looked at, seconds, while the supervisor has done nothing since.
        """
        now = self.machine.clock.monotonic()
        if self._sight is None or now - self._sight[0] > within or within <= 0:
            sight = self.runtime.look(self.known_shell(), self.machine.files, self.machine.commands)
            self._sight = (now, sight)
        return self._sight[1]

    def pulse(self, *, deep: bool, within: float = 0.0) -> Pulse:
        """How the network OS is. deep, within: as of `NetworkOs.health` and `guest`. Raises: HostError."""
        now = self.machine.clock.monotonic()
        if self._pulse is None or now - self._pulse[0] > within or within <= 0:
            found = self.network_os.health(self.site(), self.machine.files, self.machine.commands, deep=deep)
            self._pulse = (now, found)
        return self._pulse[1]

    def go_by(self, led: Led) -> None:
        """Be led by other settings from now on."""
        self.config, self.network_os, self.runtime = led.config, led.network_os, led.runtime
        self._site = self._shell = self._sight = self._pulse = None

    def known_shell(self) -> ShellPlan:
        """As it was to be when it was started. Raises: HostError."""
        site = self.site()
        known = self._shell
        if known is None or known[0] is not site or known[1].instance != (self.chronicle.instance or "none"):
            known = self._shell = (site, self.shell())
        return known[1]

    def apply(self, tasks: Iterable[Task]) -> list[Outcome]:
        """Do all tasks; those that another one needs are left out when that fails. Raises: HostError, for one that failed."""
        self._sight = self._pulse = None
        outcomes = self.machine.interpreter.apply(tasks, self._told)
        failed = next((each for each in outcomes if each.failed and each.task.required), None)
        if failed is not None:
            raise HostError(failed.describe())
        return outcomes

    def do(self, steps: Iterable[Step]) -> None:
        """Do steps in order. Raises: HostError, for the first that fails, naming it."""
        self._sight = self._pulse = None
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
        if self.journal.behind:
            self.journal.settle()
            self._tell_journal()
        self._end_if_asked()
        happened = set(self.machine.surroundings.wait(seconds))
        self._end_asked = self._end_asked or "stop" in happened
        self._end_if_asked()
        if "wish" in happened:
            self._wished()
        return happened

    def _end_if_asked(self) -> None:
        if self._end_asked and not self.steadfast:
            raise Stopped

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
            self.pause(min(max(0.02, (timeout - left) * 0.05), 1.0, left))
        return True

    def leave_behind(self, mac: str) -> None:
        """Leave a NIC with Linux for a while that grows."""
        times = self.left_behind.get(mac, (0, 0.0))[0] + 1
        pause = min(_LEFT_FIRST * 2.0 ** (times - 1), _LEFT_LONGEST)
        self.left_behind[mac] = (times, self.machine.clock.monotonic() + pause)

    def is_left(self, mac: str) -> bool:
        """Whether a NIC stays with Linux for now."""
        return self.machine.clock.monotonic() < self.left_behind.get(mac, (0, 0.0))[1]

    # --- the status-only agent

    def say(self, text: str, *, state: str = READY) -> None:
        """Have the status-only agent say it from now on, whenever it runs. Raises: HostError."""
        self.machine.files.make_folder(EXCHANGE)
        health = None
        if self.overdue:
            text = f"{text}; not ready within {self.config.ready_deadline:g} seconds"
            state, health = NOT_READY, READY if self.config.overdue == "degraded" else FAILED
        content = render_saying(Saying(state=state, text=one_line(text), health=health))
        self.machine.files.replace(EXCHANGE / SAYING, content, durable=False)

    @property
    def overdue(self) -> bool:
        """Whether the guest shell was to say that the VM is ready, and has not in time (§8.3)."""
        return (
            self.config.ready == "late"
            and not self.chronicle.ready
            and self.machine.kernel.uptime() > self.config.ready_deadline
        )

    def keep_status_agent(self, text: str, *, state: str = READY, network: str | None = None) -> None:
        """Have it run and say this, whatever has ended it; nothing is done while it does. What cannot be done is tried again."""
        running = self.status_agent is not None and self.status_agent.ended() is None
        if running and self._status == (text, state, network, self.overdue):
            return
        now = self.machine.clock.monotonic()
        if not running and now < self._status_due:
            return
        self._status_due = now + _STATUS_AGAIN
        try:
            self.start_status_agent(text, state=state, network=network)
        except HostError as error:
            self.machine.log.warning("status_agent.not_started", problem=error)

    def start_status_agent(self, text: str, *, state: str = READY, network: str | None = None) -> None:
        """Have a status-only agent report, on the host or in a namespace; one that runs there already is told the new text.

        Raises: HostError.
        """
        self.say(text, state=state)
        running = self.status_agent
        wish = (text, state, network, self.overdue)
        if (
            running is not None
            and running.ended() is None
            and self.lease.holder is Holder.STATUS_ONLY
            and self._status is not None
            and self._status[2] == network
        ):
            self._status = wish
            return
        if running is not None:
            self.status_agent = None
            running.kill()
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
        self._status = wish

    def end_status_agent(self, text: str | None = None) -> AgentNews | None:
        """Have its last report sent, and the fabric lease back. Gives its last news. Raises: HostError."""
        if text is not None:
            self.say(text)
        agent, self.status_agent = self.status_agent, None
        if agent is not None and agent.ended() is None:
            agent.ask()
            if not self.await_end(agent, _LAST_WORDS * self.slowness):
                agent.kill()
        last = self.news()
        self.lease.revoke()
        return last

    # --- what others read

    def with_problem(self, problem: str | None) -> None:
        """Note for people why things are not better; None when they are."""
        self.problem = None if problem is None else redacted(" ".join(problem.split()))[:1000]
        self.chronicle = replace(self.chronicle, problem=self.problem)
