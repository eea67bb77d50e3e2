"""The driver `kernel`, the embedded network OS: a network namespace of its own, the kernel's routing, nftables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.networkos import addressing, moving, port, rules
from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.networkos.forgetting import forgotten
from limpet.appliance.networkos.iproute import batch, entered, inside
from limpet.guest.forgetting import Forgetting
from limpet.guest.namespaces import Seen
from limpet.guest.steps import MakeFolder, Run, Task, Write
from limpet.guest.translation import NOTE, TRANSLATION
from limpet.host.facts.namespaces import links_in
from limpet.host.facts.reading import names_in
from limpet.model.addresses import METADATA
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.moves import Move
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Step
    from limpet.guest.translation import DayZero
    from limpet.host.ports import Commands, Files

NAME = "kernel"
NAMESPACES = Path("/run/netns")
SETTINGS = (
    "net.ipv4.ip_forward=1",
    # Packets of one NIC may come in by another (R9: probes from the platform's address come by all of them).
    "net.ipv4.conf.all.rp_filter=2",
    # NICs in one subnet: each answers for its own address only, and asks in its own name.
    "net.ipv4.conf.all.arp_ignore=1",
    "net.ipv4.conf.all.arp_announce=2",
    "net.ipv4.conf.all.promote_secondaries=1",
    "net.ipv4.conf.all.send_redirects=0",
    "net.ipv4.conf.default.send_redirects=0",
    "net.ipv4.conf.all.accept_redirects=0",
    "net.ipv4.conf.default.accept_redirects=0",
    "net.ipv4.conf.all.accept_source_route=0",
)
FORWARDING, PORT, ROUTES = "forwarding", "guest-port", "routes"
"""Causes of a pulse."""
_OBJECTS = ("address", "link", "neighbour", "route", "rule")
_LOOKS = ("show", "get")


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelNetworkOs:
    """The driver `kernel`. metric: of default routes that leases give; None for the best. namespace: for `command`."""

    metric: int | None = None
    namespace: str = "limpet-nos"

    @property
    def name(self) -> str:
        """As the setting appliance.network_os has it."""
        return NAME

    def day_zero(self, day_zero: DayZero) -> tuple[Task, ...]:
        """There is nothing that custom data could configure; that it was seen is noted."""
        if day_zero.is_done:
            return ()
        note = Write(NOTE, f"{day_zero.vm_id}\n".encode(), mode=0o600)
        return (
            Task(
                name=TRANSLATION,
                purpose="note that the embedded network OS has no use for custom data",
                steps=(MakeFolder(NOTE.parent, mode=0o700), note),
            ),
        )

    def start(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """Namespaces, settings, rule sets with NAT, the guest port."""
        if port.is_there(site, seen):
            return ()
        return (
            _namespace("network-os", site.network_os, seen),
            _namespace("guest-network", site.guest, seen),
            Task(
                name="network-os-settings",
                purpose=f"let the kernel route in {site.network_os}",
                steps=settings(site),
                after=("network-os",),
            ),
            Task(
                name="network-os-rules",
                purpose="load the rule sets and NAT",
                steps=self.protect(site),
                after=("network-os", "guest-network"),
            ),
            _after(port.plan(site, seen, anew=True), "network-os-settings", "network-os-rules"),
        )

    def claim(self, nic: Nic, site: Site, seen: Seen) -> Move:
        """Move it, with its virtual function."""
        return moving.claim(nic, site, seen)

    def release(self, nic: Nic, site: Site, seen: Seen) -> tuple[Step, ...]:
        """Move it back."""
        return moving.release(nic, site, seen, leaving=addressing.forget_lines(nic))

    def dress(self, nic: Nic, lease: AcquiredLease | None, site: Site, seen: Seen) -> tuple[Step, ...]:
        """Bring it up, with address and routes. The primary one first gets NAT, where that is not loaded already."""
        face, _ = moving.halves(nic, seen.links(site.network_os))
        if face is None:
            # Planned together with its claim, which names it so.
            face = moving.foreseen(nic, site, seen)
        if lease is None:
            return () if face.up else batch(site.network_os, [f"link set dev {face.name} up"])
        steps: tuple[Run, ...] = ()
        if nic.primary and (seen.doubted or not port.nat_is(site, lease.address, seen)):
            steps += (*rules.nat_steps(site, lease.address), *port.relabelled(site, lease.address))
        if seen.doubted or not addressing.is_dressed(nic, face, lease, site):
            group = moving.PRIMARY_GROUP if nic.primary else 0
            lines = addressing.lease_lines(nic, face, lease, site, group=group, metric=self.metric)
            steps += batch(site.network_os, lines)
        return steps

    def protect(self, site: Site) -> tuple[Step, ...]:
        """The rule sets, in two processes."""
        return (*rules.guest_steps(site), *rules.network_os_steps(site))

    def health(self, site: Site, files: Files, commands: Commands, *, deep: bool) -> Pulse:
        """Whether the namespace is there; `deep`, whether it has the guest port, forwards, and knows the way to the platform."""
        if site.network_os not in names_in(files, NAMESPACES):
            return Pulse(health=Health.GONE, problem=f"the network namespace {site.network_os} is gone")
        return _examined(site, commands) if deep else Pulse(health=Health.HEALTHY)

    def revive(self, site: Site, seen: Seen, pulse: Pulse) -> tuple[Task, ...]:
        """Only what is broken is made anew; what forwards is not touched."""
        if pulse.health is Health.HEALTHY:
            return ()
        if not seen.exists(site.network_os) or not port.is_there(site, seen):
            return self.start(site, seen)
        settled = Task(
            name="network-os-settings",
            purpose=f"let the kernel route in {site.network_os}",
            steps=settings(site),
        )
        return (settled, *(self._dressed(nic, site, seen) for nic in site.nics))

    def _dressed(self, nic: Nic, site: Site, seen: Seen) -> Task:
        there = moving.halves(nic, seen.links(site.network_os))[0] is not None
        return Task(
            name=f"dress {nic.name}",
            purpose=f"put address and routes of {nic.name} in place again",
            steps=self.dress(nic, site.leases.get(nic.mac), site, seen.in_doubt()) if there else (),
        )

    def stop(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """Take the guest port and the namespace away; the guest's namespace stays, for what lives in it."""
        if not seen.exists(site.network_os):
            return ()
        held = [nic.name for nic in site.nics if moving.place_of(nic, seen) == site.network_os]
        lines = [f"link delete dev {site.port.outer}"]
        lines = lines if seen.named(site.network_os, site.port.outer) is not None else []
        return (
            Task(
                name="network-os",
                purpose=f"take the namespace {site.network_os} away",
                steps=(*batch(site.network_os, lines), Run(("ip", "netns", "delete", site.network_os))),
                problem=f"it still has {', '.join(held)}" if held else None,
                advice="Give the NICs back to Linux first.",
            ),
        )

    def forget(self, files: Files) -> Forgetting:
        """That custom data was seen: namespaces, rules and addresses are not on the disk."""
        return Forgetting(
            network_os=NAME,
            tasks=forgotten("custom-data", "forget that custom data was seen", (NOTE,), files),
        )

    def command(self, line: str) -> Run:
        """Its language is that of `ip`, to look only. Raises: HostError, for anything else."""
        words = line.split()
        if len(words) < 2 or words[0] not in _OBJECTS or words[1] not in _LOOKS:
            raise HostError(
                f"the network OS {NAME} knows `ip` commands that look ({', '.join(_OBJECTS)}; {', '.join(_LOOKS)}), such as: route show"
            )
        return Run(("ip", "-netns", self.namespace, *words), timeout=30.0)


def _examined(site: Site, commands: Commands) -> Pulse:
    try:
        links = Seen(namespaces={site.network_os: links_in(commands, site.network_os)})
    except HostError as error:
        return Pulse(health=Health.GONE, problem=str(error))
    outer = links.named(site.network_os, site.port.outer)
    if outer is None or not outer.up or site.port.outer_address not in outer.addresses:
        return _wounded(f"the guest port {site.port.outer} is gone, or down, or without its address", PORT)
    forwards = commands.run(entered(site.network_os, ("sysctl", "-n", "net.ipv4.ip_forward")), timeout=10.0)
    if forwards.stdout.strip() != b"1":
        return _wounded(f"forwarding is switched off in {site.network_os}", FORWARDING)
    face, _ = moving.halves(site.primary, links.links(site.network_os))
    if face is None or site.primary.mac not in site.leases:
        return Pulse(health=Health.HEALTHY)
    near = site.port.outer_address.network  # what a setting places there is reached by no NIC
    wanted = [each for each in (site.wire_server, site.metadata or METADATA) if each not in near]
    asked = "".join(f"route get {address}\n" for address in wanted)
    ways = commands.run(
        ("ip", "-netns", site.network_os, "-force", "-batch", "-"), stdin=asked.encode(), timeout=10.0
    )
    for address in wanted:
        if not re.search(
            rf"^{re.escape(str(address))} .*dev {re.escape(face.name)} ".encode(), ways.stdout, re.MULTILINE
        ):
            return _wounded(f"there is no route to {address} by {face.name} in {site.network_os}", ROUTES)
    return Pulse(health=Health.HEALTHY)


def _wounded(problem: str, cause: str) -> Pulse:
    return Pulse(health=Health.WOUNDED, problem=problem, cause=cause)


def settings(site: Site) -> tuple[Run, ...]:
    """How the kernel shall behave in the network OS's namespace."""
    return (
        *batch(site.network_os, ["link set dev lo up"]),
        inside(site.network_os, ("sysctl", "-e", "-q", "-w", *SETTINGS)),
    )


def _namespace(name: str, namespace: str, seen: Seen) -> Task:
    return Task(
        name=name,
        purpose=f"make the network namespace {namespace}",
        steps=() if seen.exists(namespace) else (Run(("ip", "netns", "add", namespace)),),
    )


def _after(task: Task, *names: str) -> Task:
    return Task(name=task.name, purpose=task.purpose, steps=task.steps, after=names)
