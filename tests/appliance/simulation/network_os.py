"""A network OS in memory, as a vendor's is: a driver of plans over a program `nos`, which does as it is told, or refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Any

from tests.appliance.simulation.networks import GUEST, NOS

from limpet.appliance.moves import Move
from limpet.appliance.networkos.contract import Health, Pulse
from limpet.guest.forgetting import Forgetting
from limpet.guest.namespaces import HOST
from limpet.guest.steps import Run, Task
from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.appliance.simulation.networks import Link

    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Step
    from limpet.guest.translation import DayZero
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles
    from limpet.host.ports import Commands, Files


@dataclass
class NosProgram:
    """What the driver's steps run. daemon: whether the network OS's process lives; data: whether it forwards.

    refuses: by verb, or verb and NIC, how often it fails yet. slow: by verb, seconds that it takes. half: verbs that do their
    work and say that they failed. idle: verbs that do nothing and say that it is done. starts: how often the daemon was started.
    """

    networks: Any
    daemon: bool = False
    refuses: dict[str, int] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    half: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)
    starts: int = 0
    complaint: str = ""
    after_move: Callable[[], None] = lambda: None

    def __call__(self, files: FakeFiles, call: Call) -> Said:
        verb, *rest = call.argv[1:]
        seconds = self.slow.get(verb, 0.0)
        if seconds:
            self.networks.machine.clock.sleep(min(seconds, call.timeout))
            if seconds >= call.timeout:
                return Said(exit_code=None)
        for key in (f"{verb} {' '.join(rest[:1])}", verb):
            if self.refuses.get(key, 0) > 0:
                self.refuses[key] -= 1
                if verb in self.half:
                    self._do(files, verb, rest)
                return Said(exit_code=1, stderr=f"{verb}: refused {self.complaint}")
        problem = None if verb in self.idle else self._do(files, verb, rest)
        return Said(exit_code=1, stderr=problem) if problem else Said()

    def _do(self, files: FakeFiles, verb: str, rest: list[str]) -> str | None:  # noqa: C901 - one case for each verb
        networks = self.networks
        match verb, rest:
            case "namespace", [name]:
                networks.make(name)
            case "daemon", []:
                if NOS not in networks.spaces:
                    return "no namespace to start in"
                self.starts += not self.daemon
                self.daemon = True
            case "port", [outer, inner]:
                if NOS not in networks.spaces or GUEST not in networks.spaces:
                    return "no namespaces for the guest port"
                networks.pair("vpg0", "gs0")
                files.before()
                for space, name, address in ((NOS, "vpg0", outer), (GUEST, "gs0", inner)):
                    link = networks.find(space, name)
                    assert link is not None
                    networks.address(link, space, [IPv4Interface(address)])
            case "protect", []:
                networks.rules = True
            case "claim", [mac, target]:
                return self._move(files, mac, target)
            case "release", [mac, name]:
                return self._back(files, mac, name)
            case "dress", [mac, address, primary]:
                return self._dress(mac, address, primary == "primary")
            case "stop", []:
                self.daemon = False
                files.before()
                networks.vanish(NOS)
            case _:
                return f"{verb} is not known"
        return None

    def _move(self, files: FakeFiles, mac: str, target: str) -> str | None:
        for vf in (False, True):
            found = self.networks.where(mac, vf=vf)
            if found is None or found[0] == target:
                continue
            files.before()
            space, link = found
            name = (
                link.name if self.networks.find(target, link.name) is None else f"nic{mac[-5:-3]}{mac[-2:]}"
            )
            problem: str | None = self.networks.move(link, space, target, name=name)
            if problem:
                return problem
            if not vf:
                self.after_move()
        return None

    def _back(self, files: FakeFiles, mac: str, name: str) -> str | None:
        for vf in (False, True):
            found = self.networks.where(mac, vf=vf)
            if found is None:
                continue
            space, link = found
            files.before()
            if space != HOST:
                home = link.home if vf else name
                if self.networks.find(HOST, home) is not None:
                    home = f"nic{mac[-5:-3]}{mac[-2:]}"
                problem: str | None = self.networks.move(link, space, HOST, name=home)
                if problem:
                    return problem
            if not vf:
                self._righted(link, name)
        return None

    def _righted(self, link: Link, name: str) -> None:
        if link.name != name and self.networks.find(HOST, name) is None:
            self.networks.address(link, HOST, link.addresses, up=False)
            self.networks._rename(link, HOST, name)
        self.networks.address(link, HOST, link.addresses)

    def _dress(self, mac: str, address: str, primary: bool) -> str | None:
        found = self.networks.where(mac)
        if found is None or found[0] != NOS:
            return "there is no such NIC"
        link = found[1]
        self.networks.address(link, NOS, [] if address == "-" else [IPv4Interface(address)])
        if primary and address != "-":
            self.networks.routes[NOS]["0.0.0.0/0"] = ("10.0.0.1", link.name)
            self.networks.nat = IPv4Address(IPv4Interface(address).ip)
        return None


_WELL = Pulse(health=Health.HEALTHY)


@dataclass
class SimulatedNetworkOs:
    """The driver. lies: whether it says that it is well whatever it is. defect: a verb in which the driver itself has a bug."""

    program: NosProgram
    lies: bool = False
    defect: dict[str, int] = field(default_factory=dict)

    name = "simulated"

    def _bug(self, verb: str) -> None:
        if self.defect.get(verb, 0) > 0:
            self.defect[verb] -= 1
            raise ZeroDivisionError(f"a bug of the driver in {verb}")

    def day_zero(self, day_zero: DayZero) -> tuple[Task, ...]:
        del day_zero
        return ()

    def forget(self, files: Files) -> Forgetting:
        del files
        return Forgetting(network_os=self.name)

    def start(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        self._bug("start")
        outer = seen.named(NOS, "vpg0")
        there = outer is not None and bool(outer.addresses) and seen.named(GUEST, "gs0") is not None
        tasks = [
            _task("nos", _nos("namespace", NOS)) if not seen.exists(NOS) else None,
            _task("guest", _nos("namespace", GUEST)) if not seen.exists(GUEST) else None,
            _task("daemon", _nos("daemon"), after=("nos",)) if not self.program.daemon else None,
            _task("port", self._port(site), after=("nos", "guest")) if not there else None,
            _task("rules", _nos("protect")) if not self.program.networks.rules else None,
        ]
        return tuple(each for each in tasks if each is not None)

    def _port(self, site: Site) -> Run:
        return _nos("port", str(site.port.outer_address), str(site.port.inner_address))

    def claim(self, nic: Nic, site: Site, seen: Seen) -> Move:
        self._bug("claim")
        del site
        away = [place for place, _ in seen.of_mac(nic.mac) if place != NOS]
        return Move(
            name=f"claim {nic.name}",
            purpose=f"give {nic.name} to the network OS",
            forward=(_nos("claim", nic.mac, NOS),) if away or not list(seen.of_mac(nic.mac)) else (),
            back=(_nos("release", nic.mac, nic.name),),
        )

    def release(self, nic: Nic, site: Site, seen: Seen) -> tuple[Step, ...]:
        self._bug("release")
        del site
        places = list(seen.of_mac(nic.mac))
        if not places:
            return ()
        if all(place == HOST and (link.vf or (link.up and link.name == nic.name)) for place, link in places):
            return ()
        return (_nos("release", nic.mac, nic.name),)

    def dress(self, nic: Nic, lease: AcquiredLease | None, site: Site, seen: Seen) -> tuple[Step, ...]:
        self._bug("dress")
        del site
        address = "-" if lease is None else f"{lease.address}/{lease.prefix}"
        link = next((link for place, link in seen.of_mac(nic.mac) if place == NOS and not link.vf), None)
        nat = self.program.networks.nat
        if (
            link is not None
            and link.up
            and [str(each) for each in link.addresses] == ([] if lease is None else [address])
            and (not nic.primary or lease is None or nat == lease.address)
        ):
            return ()
        return (_nos("dress", nic.mac, address, "primary" if nic.primary else "secondary"),)

    def protect(self, site: Site) -> tuple[Step, ...]:
        self._bug("protect")
        del site
        return (_nos("protect"),)

    def health(self, site: Site, files: Files, commands: Commands, *, deep: bool) -> Pulse:
        self._bug("health")
        del files, commands
        networks = self.program.networks
        if self.lies:
            return _WELL
        if NOS not in networks.spaces:
            return Pulse(health=Health.GONE, problem="its namespace is gone")
        if not self.program.daemon:
            return Pulse(health=Health.WOUNDED, problem="its daemon has ended", cause="daemon")
        if deep and not networks.rules:
            return Pulse(health=Health.WOUNDED, problem="its rules are not as they were", cause="rules")
        if deep and networks.where(site.primary.mac) is not None and networks.nat is None:
            return Pulse(health=Health.WOUNDED, problem="NAT is not loaded", cause="rules")
        return _WELL

    def revive(self, site: Site, seen: Seen, pulse: Pulse) -> tuple[Task, ...]:
        self._bug("revive")
        del seen, pulse
        steps = [] if self.program.daemon else [_nos("daemon")]
        if not self.program.networks.rules:
            steps.append(_nos("protect"))
        if self.program.networks.find(NOS, "vpg0") is None:
            steps.append(self._port(site))
        return (_task("revive", *steps),)

    def stop(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        self._bug("stop")
        del site
        return (_task("stop", _nos("stop")),) if seen.exists(NOS) else ()

    def command(self, line: str) -> Run:
        return _nos("command", line)


def _nos(*words: str) -> Run:
    return Run(("nos", *words), timeout=20.0)


def _task(name: str, *steps: Step, after: tuple[str, ...] = ()) -> Task:
    return Task(name=name, purpose=name, steps=steps, after=after)
