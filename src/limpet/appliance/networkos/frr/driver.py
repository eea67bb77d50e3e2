"""FRRouting in the network OS's namespace: the kernel's data plane as in the driver `kernel`, and FRR's daemons to configure it.

Addresses and routes of leases go straight to the kernel, from where zebra learns them (K and C in `show ip route`): FRR has
no DHCP client. A default route gets the administrative distance 254, as a router's own DHCP client gives it: any route that
an operator configures is better. And because they are none of zebra's own, no death of a daemon takes the way to the fabric
away (F4); for routes that are, zebra starts with ``-K``, so that it keeps what it finds until its clients are back.

Daemons run without watchfrr, whose way to restart zebra is to stop all others: the supervisor sees one that ended within half
a second by its process, without asking it. Source: network-appliance.md §6.2, §6.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.networkos import moving, port
from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.networkos.frr import day_zero as frr_day_zero
from limpet.appliance.networkos.iproute import entered, inside
from limpet.appliance.networkos.kernel import KernelNetworkOs
from limpet.guest.steps import MakeFolder, Run, Task, Write
from limpet.host.facts.reading import bytes_of, is_there, text_of
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.appliance.moves import Move
    from limpet.guest.forgetting import Forgetting
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Step
    from limpet.guest.translation import DayZero
    from limpet.host.ports import Commands, Files

NAME = "frr"
NAMESPACE = "limpet-nos"
PROGRAMS = Path("/usr/lib/frr")
STATE = Path("/run/frr")
ZEBRA, STATICD = "zebra", "staticd"
DAEMONS = (ZEBRA, STATICD)
DISTANCE_OF_LEASES = 254
METRIC_OF_LEASES = DISTANCE_OF_LEASES << 24
"""zebra reads the distance of a kernel's route from the first byte of its metric."""
KEEPS_ROUTES = 60
"""How long zebra keeps routes that it finds at its start, seconds."""
_ANSWER, _LAST_ANSWER = 5.0, 15.0
"""How long all daemons may take to answer until each is asked, and how long that one may until it counts as hanging, seconds: on a
slow machine one that is killed in error costs more than one that is found a little later."""
_HANGS = "!"
"""Before the name of a daemon in a pulse's cause: it runs, and does not answer."""
_VTYSH = b"service integrated-vtysh-config\n"
"""An operator's `write` goes into frr.conf, by vtysh itself: the daemons cannot write in that folder."""
_DAEMONS_TASK = "network-os-daemons"


@dataclass(frozen=True, kw_only=True, slots=True)
class FrrNetworkOs:
    """The driver `frr`. namespace: of the network OS, by which FRR tells its instances apart. daemons: those wanted, zebra first.

    original: what there is of the image's own configuration.
    """

    namespace: str = NAMESPACE
    daemons: Callable[[], tuple[str, ...]] = lambda: DAEMONS
    original: Callable[[], frr_day_zero.Original] = lambda: frr_day_zero.Original.NONE
    kernel: KernelNetworkOs = field(default=KernelNetworkOs(metric=METRIC_OF_LEASES))

    @property
    def name(self) -> str:
        """As the setting appliance.network_os has it."""
        return NAME

    def day_zero(self, day_zero: DayZero) -> tuple[Task, ...]:
        """Custom data is configuration, as a person would type it into vtysh; what FRR does not understand is refused whole."""
        return frr_day_zero.plan(self.namespace, day_zero, self.original())

    def start(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """As the kernel's, and daemons before the guest port, which is what shows that all is there."""
        kernels = self.kernel.start(site, seen)
        if not kernels:
            return ()
        *before, last = kernels
        daemons = Task(
            name=_DAEMONS_TASK,
            purpose=f"start FRR ({', '.join(self.daemons())})",
            steps=(
                self._killed(""),  # of a namespace that lost its name, which they would keep alive
                *self._folders(),
                *(self._started(daemon) for daemon in self.daemons()),
                self._configured(),
            ),
            after=(before[0].name,),
            advice="Install FRRouting (Debian: frr).",
        )
        port_task = Task(
            name=last.name, purpose=last.purpose, steps=last.steps, after=(*last.after, daemons.name)
        )
        return (*before, daemons, port_task)

    def claim(self, nic: Nic, site: Site, seen: Seen) -> Move:
        """As the kernel's: zebra hears of it from there."""
        return self.kernel.claim(nic, site, seen)

    def release(self, nic: Nic, site: Site, seen: Seen) -> tuple[Step, ...]:
        """As the kernel's. A NIC that is nowhere is in a namespace that lost its name, and that daemons of ours keep (F5)."""
        if not seen.exists(site.network_os) and moving.place_of(nic, seen) is None:
            return (self._killed(""),)
        return self.kernel.release(nic, site, seen)

    def dress(self, nic: Nic, lease: AcquiredLease | None, site: Site, seen: Seen) -> tuple[Step, ...]:
        """As the kernel's; see above."""
        return self.kernel.dress(nic, lease, site, seen)

    def protect(self, site: Site) -> tuple[Step, ...]:
        """As the kernel's: FRR has no rules of its own."""
        return self.kernel.protect(site)

    def health(self, site: Site, files: Files, commands: Commands, *, deep: bool) -> Pulse:
        """The kernel's, then the daemons: by their processes; `deep`, by asking each."""
        below = self.kernel.health(site, files, commands, deep=deep)
        if below.health is Health.GONE:
            return below
        wanted = self.daemons()
        ended = [daemon for daemon in wanted if not self._runs(daemon, files)]
        hung: list[str] = []
        if deep and not self._answers(commands, (), _ANSWER):
            running = (each for each in wanted if each not in ended)
            hung = [each for each in running if not self._answers(commands, ("-d", each), _LAST_ANSWER)]
        if not ended and not hung:
            return below
        said = [f"{each} has ended" for each in ended] + [f"{each} does not answer" for each in hung]
        said += [below.problem] if below.problem else []
        causes = [*ended, *(_HANGS + each for each in hung), *([below.cause] if below.cause else [])]
        return Pulse(
            health=Health.WOUNDED, problem=f"{'; '.join(said)} in {site.network_os}", cause=" ".join(causes)
        )

    def revive(self, site: Site, seen: Seen, pulse: Pulse) -> tuple[Task, ...]:
        """Daemons that ended, zebra first; the others are left alone. Then what of the data plane is missing."""
        if pulse.health is Health.HEALTHY:
            return ()
        if not seen.exists(site.network_os):
            return self.start(site, seen)
        words = (pulse.cause or "").split()
        wanted = self.daemons()
        hung = [each for each in wanted if _HANGS + each in words]
        again = [each for each in wanted if each in words or each in hung]
        tasks: list[Task] = []
        if again:
            steps: list[Step] = [
                *(self._killed(each) for each in hung),
                self._state(),
                *(self._started(each) for each in again),
                self._configured(),
            ]
            purpose = f"start {', '.join(again)} again, with the routes as they are"
            tasks.append(Task(name=_DAEMONS_TASK, purpose=purpose, steps=tuple(steps)))
        known = {*wanted, *(_HANGS + each for each in wanted)}
        if any(word not in known for word in words) or not port.is_there(site, seen):
            tasks += self.kernel.revive(site, seen, pulse)
        return tuple(tasks)

    def stop(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """Daemons first: a namespace with processes in it would live on, without a name."""
        kernels = self.kernel.stop(site, seen)
        if not kernels or kernels[0].problem is not None:
            return kernels
        daemons = Task(name=_DAEMONS_TASK, purpose="end FRR", steps=(self._killed(""),))
        return (daemons, *kernels)

    def forget(self, files: Files) -> Forgetting:
        """What custom data configured, and what was written over it since: the image has its own configuration again."""
        return frr_day_zero.forget(NAME, self.namespace, files)

    def command(self, line: str) -> Run:
        """A line for vtysh; ``;`` parts commands, such as ``configure terminal ; router bgp 65000``. Raises: HostError."""
        parts = [part.strip() for part in line.split(";") if part.strip()]
        if not parts or any(not letter.isprintable() for letter in line):
            raise HostError("a command is one line of printable text")
        # What is left out would give a shell, or a file, of the host to whoever may only speak to the network OS.
        if any(part.split()[0] in _REFUSED or " > " in part for part in parts):
            raise HostError(f"{', '.join(sorted(_REFUSED))} are not taken from here")
        asked = tuple(word for part in parts for word in ("-c", part))
        return Run(("vtysh", "-N", self.namespace, *asked), timeout=30.0)

    def _folders(self) -> tuple[Step, ...]:
        return (
            MakeFolder(frr_day_zero.folder(self.namespace), mode=0o755),
            Write(frr_day_zero.folder(self.namespace) / "vtysh.conf", _VTYSH, mode=0o640, owner="frr"),
            self._state(),
        )

    def _state(self) -> MakeFolder:
        return MakeFolder(STATE / self.namespace, owner="frr")

    def _started(self, daemon: str) -> Run:
        keep = ("-K", str(KEEPS_ROUTES)) if daemon == ZEBRA else ()
        argv = (str(PROGRAMS / daemon), "-N", self.namespace, "-d", "-A", "127.0.0.1", *keep)
        return inside(self.namespace, argv)

    def _configured(self) -> Run:
        """Give the daemons frr.conf. Without one, or with lines that FRR does not know, they go on with what they have."""
        return Run(
            entered(self.namespace, ("vtysh", "-N", self.namespace, "-b")),
            timeout=30.0,
            accepted=tuple(range(256)),
        )

    def _killed(self, daemon: str) -> Run:
        """End a daemon of ours at once, or all of them: what they put into the kernel stays."""
        what = daemon or "[a-z0-9]+"
        return Run(
            ("pkill", "-KILL", "-f", f"^{PROGRAMS}/{what} -N {self.namespace}( |$)"),
            timeout=10.0,
            accepted=(0, 1),
        )

    def _runs(self, daemon: str, files: Files) -> bool:
        pid = text_of(files, STATE / self.namespace / f"{daemon}.pid")
        if pid is None or not pid.isdigit():
            return False
        # A number may be somebody else's by now, and a process that only waits to be buried has no command line.
        said = bytes_of(files, Path("/proc", pid, "cmdline")) or b""
        return said.split(b"\0")[:3] == [
            bytes(PROGRAMS / daemon),
            b"-N",
            self.namespace.encode(),
        ]

    def _answers(self, commands: Commands, only: Sequence[str], patience: float) -> bool:
        asked = ("vtysh", "-N", self.namespace, *only, "-c", "show version")
        try:
            return commands.run(asked, timeout=patience, at_most=4096).exit_code == 0
        except HostError:
            return False


_REFUSED = frozenset({"copy", "log", "start-shell", "ssh", "telnet", "terminal"})


_NEEDED = {
    "router bgp": "bgpd",
    "router ospf6": "ospf6d",
    "router ospf": "ospfd",
    "router isis": "isisd",
    "router openfabric": "fabricd",
    "router ripng": "ripngd",
    "router rip": "ripd",
    "router eigrp": "eigrpd",
    "router babel": "babeld",
    "mpls ldp": "ldpd",
    "ip pim": "pimd",
    "bfd": "bfdd",
}
"""How lines of a configuration begin that a daemon beside zebra and staticd is for."""


def daemons_wanted(files: Files, namespace: str) -> tuple[str, ...]:
    """zebra, staticd, those that frr.conf has lines for, and those that the file `daemons` beside it says yes to, as Debian's.

    One that is not installed is left out: an operator's wish for it must not keep the NICs from the network OS.
    """
    place = frr_day_zero.folder(namespace)
    asked: dict[str, None] = {}
    for line in (bytes_of(files, place / frr_day_zero.CONFIGURATION, at_most=_LARGEST) or b"").splitlines():
        for start, daemon in _NEEDED.items():
            if f"{line.decode('ascii', 'replace').strip()} ".startswith(f"{start} "):
                asked[daemon] = None
    for line in (bytes_of(files, place / "daemons") or b"").splitlines():
        name, _, said = (part.strip() for part in line.decode("ascii", "replace").partition("="))
        if name in _OPTIONAL and said.partition("#")[0].strip().strip("\"'").lower() == "yes":
            asked[name] = None
    return (*DAEMONS, *(each for each in asked if is_there(files, PROGRAMS / each)))


_OPTIONAL = frozenset(
    {"babeld", "bfdd", "bgpd", "eigrpd", "fabricd", "isisd", "ldpd", "nhrpd", "ospf6d", "ospfd", "pathd", "pbrd",
     "pimd", "ripd", "ripngd", "vrrpd"}
)  # fmt: skip
_LARGEST = 4 * 1024 * 1024
