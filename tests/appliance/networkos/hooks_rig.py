"""A vendor whose programs do on a machine in memory what the embedded network OS does, from the documents alone."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.appliance.networkos.vendor import FOLDER, GOOD

from limpet.appliance.networkos.hooks.driver import HooksNetworkOs, programs_in
from limpet.appliance.networkos.hooks.verbs import Verb
from limpet.appliance.networkos.kernel import KernelNetworkOs
from limpet.guest.lease import AcquiredLease
from limpet.guest.site import GuestPort, Nic, Site
from limpet.host.fake_commands import Said
from limpet.model.errors import HostError
from limpet.model.network import Route

if TYPE_CHECKING:
    from tests.appliance.networkos.rigs import Rig

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

CONFIGURED = Path("/etc/acme.conf")
"""What custom data configured."""
SIGN = b'{"version": 1, "pulse": [{"path": "/run/netns/limpet-nos"}]}'


@dataclass
class KernelVendor:
    """leases: what it was told last of each NIC."""

    rig: Rig
    leases: dict[str, AcquiredLease] = field(default_factory=dict)

    def run(self, _files: FakeFiles, call: Call) -> Said:
        told = json.loads(call.stdin)
        try:
            self._do(told)
        except (HostError, AssertionError) as error:
            return Said(exit_code=1, stderr=f"{error}\n")
        if told["verb"] == "health":
            return Said(self._health(told))
        return Said(SIGN if told["verb"] == "start" else GOOD.get(told["verb"], b""))

    def _do(self, told: dict[str, Any]) -> None:
        """Raises: HostError."""
        files = self.rig.machine.files
        if told["verb"] == "day-zero":
            files.replace(CONFIGURED, b64decode(told["customData"]))
            return
        if told["verb"] == "forget":
            files.remove(CONFIGURED)
            return
        driver, seen, site = KernelNetworkOs(), self.rig.seen().in_doubt(), self._site(told)
        if "nic" in told:
            self._do_nic(told, _nic(told["nic"]), site)
        elif told["verb"] == "protect":
            self._steps(driver.protect(site))
        elif told["verb"] != "health":
            plan = driver.stop if told["verb"] == "stop" else driver.start
            for outcome in self.rig.machine.interpreter.apply(plan(site, seen)):
                if outcome.failed:
                    raise HostError(outcome.problem or "failed")

    def _do_nic(self, told: dict[str, Any], nic: Nic, site: Site) -> None:
        driver, seen = KernelNetworkOs(), self.rig.seen().in_doubt()
        lease = _lease(told["lease"], told["nic"])
        if told["verb"] == "claim":
            self._steps(driver.claim(nic, site, seen).forward)
        elif told["verb"] == "release":
            self._steps(driver.release(nic, site, seen))
        else:
            if lease is not None:
                self.leases[nic.mac] = lease
            self._steps(driver.dress(nic, lease, replace(site, leases=self.leases), seen))

    def _steps(self, steps: Any) -> None:
        for step in steps:
            self.rig.machine.interpreter.do(step)

    def _health(self, told: dict[str, Any]) -> bytes:
        machine = self.rig.machine
        pulse = KernelNetworkOs().health(self._site(told), machine.files, machine.commands, deep=True)
        answer = {"version": 1, "health": pulse.health.value, "problem": pulse.problem, "cause": pulse.cause}
        return json.dumps(answer).encode()

    def _site(self, told: dict[str, Any]) -> Site:
        port = told["guestPort"]
        return Site(
            nics=tuple(_nic(each) for each in told["nics"]),
            port=GuestPort(
                outer=port["outer"],
                inner=port["inner"],
                outer_address=IPv4Interface(port["outerAddress"]),
                inner_address=IPv4Interface(port["innerAddress"]),
            ),
            network_os=told["namespaces"]["networkOs"],
            guest=told["namespaces"]["guest"],
            leases=self.leases,
            dns=tuple(map(IPv4Address, told["dns"])),
            host_name=told["hostName"],
        )


def install(rig: Rig) -> HooksNetworkOs:
    """Put the vendor's programs on a rig's machine; gives the driver for them."""
    vendor = KernelVendor(rig)
    files = rig.machine.files
    files.make_folder(FOLDER)
    for verb in Verb:
        files.replace(FOLDER / verb.value, b"#!/bin/sh\n", mode=0o755)
        rig.machine.commands.programs[verb.value] = vendor.run
    rig.machine.battery.spent = 0
    return HooksNetworkOs(programs=programs_in(FOLDER, files))


def _nic(told: dict[str, Any]) -> Nic:
    return Nic(**told)


def _lease(told: dict[str, Any] | None, nic: dict[str, Any]) -> AcquiredLease | None:
    if told is None:
        return None
    address = IPv4Interface(told["address"])
    return AcquiredLease(
        interface=nic["name"],
        mac=nic["mac"],
        address=address.ip,
        prefix=address.network.prefixlen,
        routes=tuple(
            Route(destination=IPv4Network(each["destination"]), gateway=IPv4Address(each["gateway"]))
            for each in told["routes"]
        ),
        dns=tuple(map(IPv4Address, told["dns"])),
        domain=told["domain"],
        server=IPv4Address("168.63.129.16"),
        obtained=0.0,
    )
