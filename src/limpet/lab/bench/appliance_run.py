"""limpet's appliance through what the bench measures: planned handovers, deaths, a handover that is refused, and idleness."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from limpet.lab.appliance.obstacle import OBSTACLE, OBSTACLE_TEXT, PROGRAM, obstacle
from limpet.lab.appliance.picture import JOURNAL, NOBODY, records
from limpet.lab.appliance.room import CONFIGURATION, IMAGE, Wish, appliance
from limpet.lab.appliance.sight import NOS
from limpet.lab.appliance.sources import watched
from limpet.lab.appliance.stage import UNIT, UNIT_TEXT, add_service
from limpet.lab.bench import appliance_figures as figures
from limpet.lab.bench.appliance_figures import CASES, PARTS_CASE, PEERS_CASE, Case, Handover, Report, reports
from limpet.lab.bench.appliance_probe import CONTAINER, Idle, all_processes, megabytes, only
from limpet.lab.bench.boot_ns_run import accepted, stamp
from limpet.lab.clock import now, wait_for
from limpet.lab.commands import LabError
from limpet.lab.demo.stage import example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from limpet.lab.appliance.room import Appliance, Parts
    from limpet.lab.bench.figures import Figure
    from limpet.lab.fabric import Fabric

    Record = Mapping[str, Any]

HANDLER, VERSION = "Limpet.Sample.Noop", "1.0.0"
SERVE = ("--strict", "--handler", str(example(f"{HANDLER}-{VERSION}")))
ACCOUNT = {"userName": "ada", "password": "between us 9", "disablePassword": False}
AGENT = "limpet-agent.service"
DEATHS = Case(driver="frr", nics=4)
LONGEST = 90.0
FRR = "^/usr/lib/frr/"
CONFIGURED = """{CONFIGURATION}
[appliance]
network_os = "{driver}"
retry_pause = 1
"""
CHANGES = ("/var/lib/limpet/guest/volume/guest-shell/changes", "/var/lib/limpet/guest/state")
BEGUN = "ExecMainStartTimestampMonotonic"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """rounds: of everything but idleness. failures: whether things are killed and refused.

    settle, window: seconds before and in the idle window; a window of 0 leaves it out.
    """

    rounds: int = 5
    cases: tuple[Case, ...] = CASES
    failures: bool = True
    settle: float = 60.0
    window: float = 60.0

    @property
    def whole(self) -> bool:
        """Whether everything there is gets measured."""
        return self.cases == CASES and self.failures and self.window > 0


def turns(
    parts: Parts, plan: Plan
) -> Callable[[int], Iterator[tuple[str, Callable[[], dict[Figure, float]]]]]:
    """What a round measures, by its number from 0 on: in the first one also idleness. Nothing runs before it is called."""

    def turn(number: int) -> Iterator[tuple[str, Callable[[], dict[Figure, float]]]]:
        for case in plan.cases:
            yield case.words, partial(handed_over, parts, case)
        if plan.failures:
            yield "deaths", partial(deaths, parts)
            yield "a handover that is refused", partial(refused, parts)
        if plan.window and not number:
            yield "idle", partial(idle, parts, plan)

    return turn


class Subject:
    """An appliance under limpet's supervisor, and what is known of it from outside. Raises, everywhere: LabError."""

    def __init__(self, made: Appliance) -> None:
        self.made = made
        self._sequence = -1

    def records(self) -> list[Record]:
        """All of the supervisor's journal so far."""
        try:
            return list(records(self.made.machine.path(JOURNAL).read_bytes(), 0))
        except OSError:
            return []

    def reports(self) -> list[Report]:
        """What the fabric has accepted so far."""
        return reports(self.made.world.statuses(self.made.name))

    def await_state(self, state: str, *, after: float = 0) -> float:
        """Wait until the supervisor enters a state after a moment; gives when."""

        def look() -> float | None:
            try:
                return figures.entered(self.records(), state, after=after)
            except LabError:
                return None

        return wait_for(look, f"the appliance to be {state}", timeout=LONGEST, pause=0.05)

    def await_report(self, *, guest: bool, after: float) -> Report:
        """Wait until the fabric has accepted one after a moment, of the guest shell or of Linux."""

        def look() -> Report | None:
            found = [each for each in self.reports() if each.at > after and each.guest == guest]
            return found[0] if found else None

        return wait_for(look, "a report to be accepted", timeout=LONGEST, pause=0.05)

    def handover(self, *, after: float = 0) -> Handover:
        """Wait until one is steady and the guest shell has reported; gives it."""
        steady = self.await_state("steady", after=after)
        self.await_report(guest=True, after=after)
        return figures.handover(self.records(), self.reports(), after=min(after, steady))

    def publish(self, world: Fabric | None = None) -> None:
        """New settings for the extension."""
        self._sequence += 1
        change = {"handler": HANDLER, "version": VERSION, "public": {"round": self._sequence}}
        (world or self.made.world).publish(self.made.name, change)

    def done(self, *, after: float) -> float:
        """Wait until a report of the guest shell says that the newest settings have succeeded; gives when it was accepted."""
        wanted = {"handler": HANDLER, "sequence": self._sequence, "status": "success"}
        self.made.world.wait(self.made.name, timeout=LONGEST, **wanted)
        done = (HANDLER, self._sequence)
        return figures.first(self.reports(), after=after, guest=True, done=done).at

    def killed(self, kill: Callable[[], object]) -> tuple[float, float]:
        """Kill something and publish new settings: seconds until the next report, and until the settings' success."""
        began = now()
        kill()
        after = now()
        self.publish()
        done = self.done(after=after)
        following = figures.first(self.reports(), after=after, guest=True).at
        return following - began, done - began


@contextmanager
def begun(parts: Parts, case: Case, *, hindered: bool = False) -> Iterator[Subject]:
    """An appliance that was switched on, with its supervisor as a service. hindered: its primary NIC is refused."""
    text = CONFIGURED.format(CONFIGURATION=CONFIGURATION, driver=case.driver)
    wish = Wish(nics=case.nics, account=ACCOUNT, serve=SERVE, configuration=text)
    with appliance(parts, wish) as made:
        add_service(made, UNIT, UNIT_TEXT)
        if hindered:
            primary = made.cards[0]
            made.machine.write(PROGRAM, obstacle(primary.name, primary.mac), mode=0o755)
            add_service(made, OBSTACLE, OBSTACLE_TEXT)
        made.boot(settle=False)
        try:
            yield Subject(made)
        except LabError as error:
            said = made.run(["journalctl", "--no-pager", f"--unit={UNIT}"]).stdout[-4000:]
            raise LabError(f"limpet, {case.words}: {error}\nits journal:\n{said}") from error


def handed_over(parts: Parts, case: Case) -> dict[Figure, float]:
    """A planned handover, from switching on. In the peer's case an extension is published as soon as the gap begins."""
    with ExitStack() as stack:
        subject = stack.enter_context(begun(parts, case))
        made = subject.made
        if case == PEERS_CASE:
            surprise = _Surprise(subject)
            admin = made.emulator.admin
            stack.enter_context(watched(made.machine, admin, lambda _record: None, surprise.react))
        found = subject.handover()
        values = {case.gap: found.gap}
        if case == PARTS_CASE:
            values |= found.parts()
        if case == PEERS_CASE:
            start = stamp(made.machine, UNIT, BEGUN)
            values |= {
                figures.INSTALLED: subject.done(after=found.last) - found.last,
                figures.READY: accepted(made.world.provisioning(made.name)["reports"]) - start,
                figures.HANDING: found.began - start,
                figures.STEADY: found.steady - start,
                figures.REPORTING: found.first - start,
            }
        return values


def deaths(parts: Parts) -> dict[Figure, float]:
    """What dies, one after the other, in one appliance."""
    with begun(parts, DEATHS) as subject:
        made = subject.made
        subject.handover()
        subject.publish()
        subject.done(after=0)
        began = now()
        network_os, network_os_done = subject.killed(lambda: made.kill(FRR))
        subject.await_state("steady", after=began)
        began = now()
        guest, guest_done = subject.killed(lambda: _kill_guest(made))
        subject.await_state("steady", after=began)
        agent, _ = subject.killed(lambda: kill_unit(made, AGENT))
        back = _lose_network_os(made)
        reported = subject.await_report(guest=False, after=back).at
        found = subject.handover(after=back)
    return {
        figures.NETWORK_OS: network_os,
        figures.NETWORK_OS_DONE: network_os_done,
        figures.GUEST: guest,
        figures.GUEST_DONE: guest_done,
        figures.AGENT: agent,
        figures.GONE: reported - back,
        figures.GONE_STEADY: found.first - back,
    }


def refused(parts: Parts) -> dict[Figure, float]:
    """The network OS does not take the primary NIC; then it does."""
    with begun(parts, DEATHS, hindered=True) as subject:
        made = subject.made
        back = subject.await_state("rolling-back")
        told = subject.await_report(guest=False, after=back).at
        before = figures.last(subject.reports(), before=back, guest=False).at
        made.run(["systemctl", "stop", OBSTACLE]).checked()
        found = subject.handover(after=back)
        tries = [each["at"] for each in subject.records() if each["facts"].get("state") == "booting"]
        retry = max(at for at in tries if at < found.began)
    return {
        figures.REFUSED: told - back,
        figures.REFUSED_GAP: told - before,
        figures.REFUSED_STEADY: found.first - retry,
    }


def idle(parts: Parts, plan: Plan) -> dict[Figure, float]:
    """An appliance with one extension, of which nothing is wanted."""
    with begun(parts, Case(driver="kernel", nics=1)) as subject:
        subject.handover()
        subject.publish()
        subject.done(after=0)
        look = Idle(agent=AGENT, supervised=True, settle=plan.settle, window=plan.window)
        found = look.figures(subject.made)
        return {**found, **disk(subject.made, CHANGES)}


def disk(made: Appliance, changes: tuple[str, ...]) -> dict[Figure, float]:
    """What the guest shell's image and what was written to it occupy."""
    return {
        figures.IMAGE: megabytes(made, IMAGE),
        figures.CHANGES: sum(megabytes(made, each) for each in changes),
    }


class _Surprise:
    """Publishes as soon as nobody may talk to the fabric. Told of records by another thread, in order."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._stage = ""
        self._done = False

    def react(self, record: Record, world: Fabric) -> None:
        facts = record["facts"]
        if record["kind"] == "state":
            self._stage = facts["state"]
        if not self._done and (self._stage, facts.get("holder")) == ("handing-over", NOBODY):
            self._done = True
            self._subject.publish(world)


def _kill_guest(made: Appliance) -> None:
    monitor = made.run(["pgrep", "--full", "lxc monitor"]).checked().split()[0]
    first = made.run(["pgrep", "--parent", monitor]).checked().split()
    made.run(["kill", "-KILL", *first]).checked()


def kill_unit(made: Appliance, unit: str) -> None:
    """Kill the processes of a unit in the guest shell."""
    for pid in all_processes(only(only(made.machine.cgroup, CONTAINER), unit)):
        with suppress(ProcessLookupError):  # it ended with the one before
            os.kill(pid, signal.SIGKILL)


def _lose_network_os(made: Appliance) -> float:
    """Its namespace and daemons end, and its NICs fall back to Linux, the primary one last; gives when they are back."""
    made.sh(f"ip netns delete {NOS}; pkill -KILL -f '{FRR}'")
    count = len(made.cards)
    wait_for(lambda: len(made.lost_nics()) == count, "the NICs to fall out of the network OS", timeout=60)
    for number in reversed(range(count)):
        made.put_nic_in(number)
    return now()
