"""The driver ``iosxe``: day 0 of a router with IOS XE, on top of another driver that gives it the NICs.

Below it is a vendor's own programs where the setting appliance.programs names them (`hooks`), else a network namespace (`kernel`),
which is enough to see what the router would be told. The router reads its configuration from its flash when it starts; that it
has done so stands in the log of its loader, and until then nobody may configure it: whoever does holds one lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.guest.wanted import Wanted, noting
from limpet.appliance.networkos.forgetting import forgotten
from limpet.appliance.networkos.iosxe.config import GuestResources, gateway_change
from limpet.appliance.networkos.iosxe.custom_data import CONTROLLER_FILE
from limpet.appliance.networkos.iosxe.cvac import CONFIGURATION_FILE, LOG
from limpet.appliance.networkos.iosxe.day_zero import (
    ENABLE_GUEST_SHELL,
    gateway_of,
    guest_jobs,
    plan_day_zero,
)
from limpet.guest.forgetting import Forgetting
from limpet.guest.site import Nic, Site
from limpet.guest.steps import MakeFolder, Remove, Run, Task, Write
from limpet.guest.translation import NOTE, TRANSLATION
from limpet.host.facts.reading import text_of
from limpet.host.worker import interpreter_command
from limpet.model.errors import MalformedDocument
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.appliance.moves import Move
    from limpet.appliance.networkos.contract import NetworkOs, Pulse
    from limpet.appliance.networkos.iosxe.day_zero import IosXeDayZero
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.steps import Step
    from limpet.guest.translation import DayZero
    from limpet.host.ports import Commands, Files

NAME = "iosxe"
BOOTFLASH = Path("/bootflash")
STATE = Path("/var/lib/limpet/iosxe")
GATEWAY = STATE / "gateway"
"""The gateway that stands in the router's configuration."""
JOBS = STATE / "guest.json"
"""What the guest shell is to do when the router is configured: packages and scripts."""
SAID = Path("/var/log/limpet-iosxe.log")
"""What the router was told, without secrets, and what was left out of the custom data or is doubtful in it."""
LOCK = Path("/run/limpet/iosxe.lock")
BUSY = 75
"""Exit code of a command that came while somebody else configures the router."""
REFUSED = 1
"""Exit code of the program that waits: day 0 is over, and lines were refused."""
DONE_WITHIN = 900.0
"""How long the router may take until it has its configuration, seconds; measured loaders take some minutes."""
_MOST_MEMORY, _MOST_DISK = 4096, 8192
"""MB. Source: the vendor's model of app-hosting, release 17.4."""
_UNKNOWN = Site(nics=(Nic(name="", mac="", primary=True),))
_WAIT = "limpet.appliance.networkos.iosxe.wait"


@dataclass(frozen=True, kw_only=True, slots=True)
class IosXeNetworkOs:
    """A router with IOS XE. below: gives it the NICs. vendor: whether that are a vendor's programs, which also take commands.

    waiting: gives the command line of the program that waits, by its module and arguments. gateway: gives
    the one in the router's configuration, None when unknown; asked each time, for day 0 may be after the supervisor's start.
    guest_shell: whether an operator, or the image's maker, has disabled it.
    """

    below: NetworkOs
    vendor: bool = False
    waiting: Callable[..., Sequence[str]] = interpreter_command
    bootflash: Path = BOOTFLASH
    gateway: Callable[[], IPv4Address | None] = lambda: None
    resources: GuestResources = field(default_factory=GuestResources)
    guest_shell: Callable[[], Wanted] = lambda: Wanted.ENABLED

    @property
    def name(self) -> str:
        """As the setting appliance.network_os has it."""
        return NAME

    def day_zero(self, day_zero: DayZero) -> tuple[Task, ...]:
        """Put its configuration, or the SD-WAN bootstrap, onto its flash, once for each VM id."""
        if day_zero.is_done:
            return ()
        purpose = f"put the day-0 configuration into {self.bootflash}"
        try:
            plan = plan_day_zero(day_zero, day_zero.site or _UNKNOWN, self.resources)
        except MalformedDocument as error:
            advice = "Give sections as docs/network-os.md has them, in plain text, and a name that IOS takes."
            return (Task(name=TRANSLATION, purpose=purpose, problem=str(error), advice=advice),)
        files = plan.files
        stale = [name for name in (CONFIGURATION_FILE, CONTROLLER_FILE, LOG) if name not in files]
        gateway = _primary_gateway(day_zero.site)
        enabling, said = self._guest_shell(plan)
        return (
            Task(
                name=TRANSLATION,
                purpose=purpose,
                steps=(
                    MakeFolder(self.bootflash),
                    # What an earlier VM left would count as done, or be read instead.
                    *(Remove(self.bootflash / name) for name in stale),
                    *(Write(self.bootflash / name, content, mode=0o600) for name, content in files.items()),
                    MakeFolder(SAID.parent),
                    Write(SAID, redacted(plan.describe() + said).encode(), mode=0o600),
                    MakeFolder(STATE, mode=0o700),
                    Write(GATEWAY, f"{gateway or ''}\n".encode(), mode=0o600),
                    Write(JOBS, guest_jobs(plan), mode=0o600),
                    *enabling,
                    MakeFolder(NOTE.parent, mode=0o700),
                    Write(NOTE, f"{day_zero.vm_id}\n".encode(), mode=0o600),
                ),
                advice="\n".join(note.describe() for note in plan.notes),
            ),
        )

    def _guest_shell(self, plan: IosXeDayZero) -> tuple[tuple[Step, ...], str]:
        """What enables the guest shell where custom data asks for it and it is off, and a line that says so."""
        if ENABLE_GUEST_SHELL not in plan.commands:
            return (), ""
        if self.guest_shell() is Wanted.ENABLED:
            return (), "note: the guest shell is enabled already\n"
        return noting(
            Wanted.ENABLED
        ), "note: the guest shell was disabled, and is enabled, for custom data asks for it\n"

    def start(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """As below."""
        return self.below.start(site, seen)

    def claim(self, nic: Nic, site: Site, seen: Seen) -> Move:
        """As below."""
        return self.below.claim(nic, site, seen)

    def release(self, nic: Nic, site: Site, seen: Seen) -> tuple[Step, ...]:
        """As below."""
        return self.below.release(nic, site, seen)

    def dress(self, nic: Nic, lease: AcquiredLease | None, site: Site, seen: Seen) -> tuple[Step, ...]:
        """As below; the router takes its addresses by DHCP.

        With the primary NIC, the last one, it has all interfaces that its configuration speaks of: now it is waited for until
        it says that day 0 is over, at once where that is long ago. Lines that it refused do not end a handover: the guest's
        probes do, where it matters. Then the guest's way out is written anew, when the lease names another gateway.
        """
        steps = self.below.dress(nic, lease, site, seen)
        if not self.vendor or not nic.primary:
            return steps
        argv = self.waiting(_WAIT, str(self.bootflash), f"{DONE_WITHIN:g}")
        waiting = Run(tuple(argv), timeout=DONE_WITHIN + 30.0, accepted=(0, REFUSED))
        steps = (*steps, MakeFolder(LOCK.parent), _locked(waiting))
        gateway = None if lease is None else gateway_of(lease)
        lines = () if gateway is None else gateway_change(self.gateway(), gateway)
        if not lines:
            return steps
        # One line for all, as the router's own `cli` module takes them: a mode would not outlive its process.
        said = self.command(" ; ".join(("configure terminal", *lines, "end", "write memory")))
        note = Write(GATEWAY, f"{gateway}\n".encode(), mode=0o600)
        return (*steps, said, MakeFolder(STATE, mode=0o700), note)

    def protect(self, site: Site) -> tuple[Step, ...]:
        """As below: the router's own lists are in its configuration."""
        return self.below.protect(site)

    def health(self, site: Site, files: Files, commands: Commands, *, deep: bool) -> Pulse:
        """As below."""
        return self.below.health(site, files, commands, deep=deep)

    def revive(self, site: Site, seen: Seen, pulse: Pulse) -> tuple[Task, ...]:
        """As below."""
        return self.below.revive(site, seen, pulse)

    def stop(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """As below."""
        return self.below.stop(site, seen)

    def forget(self, files: Files) -> Forgetting:
        """What lies on the router's flash of day 0, and what is kept of it; then as below."""
        below = self.below.forget(files)
        flash = [self.bootflash / name for name in (CONFIGURATION_FILE, CONTROLLER_FILE, LOG)]
        return Forgetting(
            network_os=NAME,
            tasks=(
                *forgotten("day-0", f"forget the day-0 configuration in {self.bootflash}", flash, files),
                *forgotten("kept-of-day-0", "forget what was kept of day 0", (STATE,), files),
                *below.tasks,
            ),
            notes=below.notes,
        )

    def command(self, line: str) -> Run:
        """A line of IOS, while nobody else configures the router: `BUSY` else."""
        run = self.below.command(line)
        return _locked(run) if self.vendor else run


def known_gateway(files: Files) -> IPv4Address | None:
    """The gateway that stands in the router's configuration, as it was noted."""
    try:
        return IPv4Address(text_of(files, GATEWAY, at_most=64) or "")
    except ValueError:
        return None


def resources_of(memory: int, disk: int) -> GuestResources:
    """What the settings give the guest shell, in MB, as far as IOx can be told."""
    return GuestResources(memory=min(memory, _MOST_MEMORY), disk=min(disk, _MOST_DISK))


def _locked(run: Run) -> Run:
    """The same, unless somebody else holds the lock."""
    held = ("flock", "--nonblock", "--conflict-exit-code", str(BUSY), str(LOCK))
    return replace(run, argv=(*held, *run.argv))


def _primary_gateway(site: Site | None) -> IPv4Address | None:
    lease = None if site is None else site.leases.get(site.primary.mac)
    return None if lease is None else gateway_of(lease)
