"""Who talks to the fabric in a simulated appliance: the boot stage, the status-only agent, the agent in the guest; and workers."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from tests.appliance.simulation.fabric import GATEWAY, Party
from tests.appliance.simulation.networks import GUEST
from tests.appliance.simulation.secret import SECRET
from tests.appliance.simulation.workers import interface_of, lease_of

from limpet.agent.lease import FabricLease
from limpet.agent.metadata_watch import AGAIN, METADATA_EVERY, METADATA_FIRST
from limpet.guest.agent_news import NEWS, AgentNews, render_news
from limpet.guest.fabric_lease import EXCHANGE, GRANT, Holder
from limpet.guest.lease import SAVED_LEASE, render_lease
from limpet.guest.marker import MARKER, Marker, parse_marker, render_marker
from limpet.guest.namespaces import HOST
from limpet.guest.saying import SAYING, parse_saying
from limpet.guest.shell_brief import BRIEF, parse_brief
from limpet.host.fabric_grant import refuse_without_grant
from limpet.host.reported import Accepted, boot_id, note_accepted, ready_is_known
from limpet.model.errors import AlreadyRunning, FabricUnreachable, HostError, LeaseLost, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.appliance.simulation.processes import Process
    from tests.appliance.simulation.world import World

    from limpet.host.fake_appliance import FakeChild

POLL_EVERY = 3.0
LETTING_GO = 2.0
"""As limpet.boot.main has it."""
_GRANT, _NEWS, _SAYING = EXCHANGE / GRANT, EXCHANGE / NEWS, EXCHANGE / SAYING


class Lock:
    """The agent's side of the lock of the fabric lease."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self.name = world, name
        self.process: Process | None = None
        self._has = False
        self._asked = False

    def take(self, *, wait: bool) -> bool:
        if self._has:
            return True
        lock = self._world.lock
        if not wait:
            if lock.holder is None:
                lock.enter(self.name, self._got, end=self._end)
            return self._has
        lock.enter(self.name, self._got, end=self._end)
        self._world.time.wait(1e9, lambda: self._has)
        return self._has

    def give(self) -> None:
        self._has = False
        self._world.lock.leave(self.name)

    def _got(self) -> None:
        self._has = True

    def _end(self) -> None:
        if self.process is not None:
            self._world.end(self.process)


class Telling:
    """What an agent tells the supervisor."""

    def __init__(self, world: World, epoch: int, *, watches: bool = False) -> None:
        """watches: whether it looks at the metadata service from time to time."""
        self._world = world
        self._news = AgentNews(epoch=epoch)
        self._silent = False
        self._due = world.time.monotonic() + METADATA_FIRST if watches else inf

    def took(self, code: int) -> None:
        """The fabric has answered a report."""
        now, up = self._world.time.now(), self._world.time.monotonic()
        if code != 200:
            self.trouble(f"it answers with {code}", code)
            return
        if self._news.first is None:
            self._news = replace(self._news, first=now, first_up=up)
        trouble = self._metadata(up)
        self._tell(replace(self._news, last=now, last_up=up, goal_state_at=now, code=code, problem=trouble))

    def _metadata(self, now: float) -> str | None:
        """As limpet.agent.metadata_watch has it."""
        if now >= self._due:
            self._silent = GUEST in self._world.fabric.mute
            self._due = now + (AGAIN if self._silent else METADATA_EVERY)
        return "the instance metadata service does not answer" if self._silent else None

    def trouble(self, problem: str, code: int | None = None) -> None:
        """It has not."""
        self._tell(replace(self._news, problem=problem, code=code))

    def _tell(self, news: AgentNews) -> None:
        self._news = news
        files = self._world.machine.files
        with suppress(HostError):
            files.make_folder(_NEWS.parent)
            files.replace(_NEWS, render_news(news))


@contextmanager
def leased(world: World, lock: Lock, *, supervised: bool) -> Iterator[None]:
    """As limpet.boot.main.leased does. Raises: AlreadyRunning."""
    allowed = (Holder.BOOT,) if supervised else ()
    refuse_without_grant(world.machine.files, EXCHANGE, "limpet boot", allowed=allowed)
    deadline = world.time.monotonic() + LETTING_GO
    while not lock.take(wait=False):
        if world.time.monotonic() >= deadline:
            raise AlreadyRunning("another stage of this appliance is talking to the fabric")
        world.machine.clock.sleep(0.02)
    try:
        refuse_without_grant(world.machine.files, EXCHANGE, "limpet boot", allowed=allowed)
        yield
    finally:
        lock.give()


def boot_stage(world: World, child: FakeChild, body: Callable[[Party], tuple[int, bytes]]) -> None:
    """One run of a boot stage: what `body` does under the fabric lease. It gives the exit code, and what it says."""
    world.count += 1
    lock = Lock(world, f"boot-{world.count}")
    party = Party("boot", Holder.BOOT, HOST)

    def run() -> None:
        try:
            with leased(world, lock, supervised=True):
                code, said = body(party)
        except (HostError, AlreadyRunning) as error:
            code, said = 1, f"boot: {error}".encode()
        child.end(code, stderr=said)

    party.process = lock.process = process = world.time.spawn("boot", run, after=0.1)
    world.locks[process] = lock.name
    child.killed = lambda: world.end(process)
    lock._end = child.kill  # type: ignore[method-assign]


class FolderChanges:
    """Hears of a new grant at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._nodes = world.machine.files.nodes
        self._heard = self._nodes.at(_GRANT)

    def wait(self, seconds: float) -> None:
        self._world.time.wait(seconds, lambda: self._nodes.at(_GRANT) is not self._heard)
        self._heard = self._nodes.at(_GRANT)

    def call(self, action: Callable[[], object]) -> None:
        raise NotImplementedError


def guest_agent(
    world: World, instance: str, *, after: float, wedged: bool, ended: Callable[[Process], None]
) -> Process:
    """The agent in the guest shell: parks, then polls and reports; ends when the lease is lost."""
    world.count += 1
    lock = Lock(world, f"guest-{world.count}")
    party = Party(lock.name, Holder.GUEST_SHELL, GUEST)
    machine = world.machine

    def run() -> None:
        brief = parse_brief(machine.files.read(EXCHANGE / BRIEF, at_most=1 << 20))
        if brief.instance != instance:
            raise HostError(f"the brief is for {brief.instance}, this is the guest shell {instance}")
        if brief.vm_id != world.vm_id:
            world.fabric.fault("the brief names another VM")
        lease = FabricLease(
            EXCHANGE, Holder.GUEST_SHELL, lock, machine.files, world.quiet, boot=boot_id(machine.files)
        )
        lease.park(FolderChanges(world))
        party.epoch = lease.epoch
        if wedged:
            world.machine.clock.sleep(1e9)
        try:
            if world.real_agent is not None:
                world.real_agent(party, lease)
            else:
                _talk(world, party, lease)
        except LeaseLost:
            pass

    def guarded() -> None:
        try:
            run()
        except (HostError, MalformedDocument, FileNotFoundError) as error:
            world.tell(f"the guest's agent ends: {error}")
        finally:
            if process.alive:
                process.alive = False
                world.lock.leave(lock.name)
                ended(process)

    process = world.time.spawn(lock.name, guarded, after=after)
    party.process = lock.process = process
    world.locks[process] = lock.name
    return process


def _talk(world: World, party: Party, lease: FabricLease) -> None:
    telling = Telling(world, lease.epoch or 0, watches=True)
    nodes = world.machine.files.nodes
    while True:
        try:
            with lease.talking():
                world.fabric.poll(party)
            with lease.talking():
                code = world.fabric.report(party, "Ready", "guest shell: the agent is running")
            telling.took(code)
        except FabricUnreachable as error:
            telling.trouble(str(error))
        grant = nodes.at(_GRANT)
        world.time.wait(world.poll_every, lambda grant=grant: nodes.at(_GRANT) is not grant)  # type: ignore[misc]
        lease.require()


def status_only(world: World, child: FakeChild) -> None:  # noqa: C901, PLR0915 - its whole life
    """`limpet.agent.main --status-only`: one more party, on the host or in the guest's namespace."""
    world.count += 1
    lock = Lock(world, f"status-{world.count}")
    party = Party(lock.name, Holder.STATUS_ONLY, child.network or HOST)
    machine = world.machine
    stop = [False]

    def saying() -> tuple[str, str]:
        try:
            found = parse_saying(machine.files.read(_SAYING, at_most=65536))
        except (HostError, FileNotFoundError, MalformedDocument):
            return "NotReady", "nothing to say"
        return found.state, found.text

    def run() -> None:
        lease = FabricLease(
            EXCHANGE, Holder.STATUS_ONLY, lock, machine.files, world.quiet, boot=boot_id(machine.files)
        )
        if world.real_status is not None:
            lease.park(FolderChanges(world))
            party.epoch = lease.epoch
            try:
                world.real_status(party, lease, child, stop)
                child.end(0)
            except LeaseLost:
                child.end(4)
            return
        if not lease.claim(wait=False):
            child.end(3, stderr=b"the right to talk to the fabric is another stage's")
            return
        party.epoch = lease.epoch
        telling = Telling(world, lease.epoch or 0)
        nodes, told = machine.files.nodes, None
        while True:
            last = stop[0]
            try:
                with lease.talking():
                    told = nodes.at(_SAYING)
                    code = world.fabric.report(party, *saying())
                telling.took(code)
            except FabricUnreachable as error:
                telling.trouble(str(error))
            except LeaseLost:
                child.end(4)
                return
            if last:
                break
            world.time.wait(POLL_EVERY, lambda told=told: stop[0] or nodes.at(_SAYING) is not told)  # type: ignore[misc]
        child.end(0)

    def guarded() -> None:
        try:
            run()
        finally:
            if process.alive:
                world.lock.leave(lock.name)

    process = world.time.spawn(lock.name, guarded, after=0.1)
    party.process = lock.process = process
    world.locks[process] = lock.name
    child.asked = lambda: stop.__setitem__(0, True)
    child.killed = lambda: world.end(process)
    lock._end = child.kill  # type: ignore[method-assign]


def quick_boot(world: World, child: FakeChild) -> None:
    """The boot stage's effects on what later stages read, without its code."""

    def body(party: Party) -> tuple[int, bytes]:
        code = _booted(world, party)
        return (
            code,
            b"" if code == 0 else f"boot: the fabric could not be told: https://x.example/?{SECRET}".encode(),
        )

    boot_stage(world, child, body)


def _booted(world: World, party: Party) -> int:
    machine, fabric, mac = world.machine, world.fabric, world.fabric.primary
    found = world.networks.where(mac)
    if found is None or found[0] != HOST:
        return 1
    name, link = found[1].name, found[1]
    if machine.clock.monotonic() >= fabric.dhcp_silent:
        lease = lease_of(world, mac, name)
        machine.files.make_folder(SAVED_LEASE.parent)
        asked = ((each, world.networks.where(each)) for each in world.asked_by_boot)
        others = [lease_of(world, each, there[1].name) for each, there in asked if there is not None]
        machine.files.replace(SAVED_LEASE, render_lease(lease, others))
    else:
        machine.clock.sleep(5.0)
    try:
        saved = machine.files.read(SAVED_LEASE, at_most=65536)
    except FileNotFoundError:
        return 1
    from limpet.guest.lease import parse_lease  # noqa: PLC0415

    try:
        kept = parse_lease(saved)
    except MalformedDocument:
        return 1
    world.networks.leased(link, interface_of(kept), GATEWAY)  # type: ignore[arg-type]
    try:
        marker = parse_marker(machine.files.read(MARKER, at_most=65536))
    except (FileNotFoundError, MalformedDocument):
        marker = None
    if marker is None or marker.vm_id != world.vm_id:
        machine.clock.sleep(0.3)
        done = Marker(vm_id=world.vm_id, at=machine.clock.now(), agent="limpet")
        machine.files.replace(MARKER, render_marker(done))
        fabric.provisioned.append(world.vm_id)  # cut before the marker, its steps are done again: they may be
    if ready_is_known(machine.files) or world.late:
        return 0
    for _ in range(3):
        try:
            fabric.report(party, "Ready", "boot")
        except FabricUnreachable:
            machine.clock.sleep(5.0)
            continue
        note_accepted(
            machine.files,
            Accepted(state="Ready", at=machine.clock.now(), by="boot", container_id=world.container_id),
        )
        return 0
    return 1
