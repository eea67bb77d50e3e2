"""A vendor's programs on a machine in memory: they remember what they were told and answer what a test wants."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.appliance.networkos.hooks.driver import LOG, HooksNetworkOs, programs_in
from limpet.appliance.networkos.hooks.verbs import Verb
from limpet.guest.lease import AcquiredLease
from limpet.guest.namespaces import HOST, Seen, SeenLink
from limpet.guest.site import Nic, Site
from limpet.host.fake import FakeMachine
from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

FOLDER = Path("/opt/acme/hooks")
SECOND = Nic(name="eth1", mac="00:0d:3a:00:00:11")
PRIMARY = Nic(name="eth0", mac="00:0d:3a:00:00:10", primary=True, device="0000-vmbus", vf="enP1s1")
LEASE = AcquiredLease(
    interface="eth0",
    mac=PRIMARY.mac,
    address=IPv4Address("10.0.4.5"),
    prefix=24,
    server=IPv4Address("168.63.129.16"),
    obtained=0.0,
)
SITE = Site(nics=(SECOND, PRIMARY), leases={PRIMARY.mac: LEASE}, programs=FOLDER)
GOOD: Mapping[str, bytes] = {
    "claim": b'{"version": 1, "owner": "network OS"}',
    "release": b'{"version": 1, "owner": "Linux"}',
    "health": b'{"version": 1, "health": "healthy"}',
}


def links(*nics: Nic, **changes: Any) -> tuple[SeenLink, ...]:
    return tuple(
        replace(SeenLink(name=nic.name, mac=nic.mac, index=number, up=True), **changes)
        for number, nic in enumerate(nics, 2)
    )


def seen(*of_linux: Nic) -> Seen:
    """Those NICs are Linux's; the guest's namespace is there, without a port."""
    return Seen(namespaces={HOST: links(*of_linux), SITE.guest: ()})


@dataclass
class Vendor:
    """answers: by verb; what is not there answers as it should. heard: every document, in order."""

    machine: FakeMachine = field(default_factory=FakeMachine)
    answers: dict[str, Said] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in (FOLDER, LOG.parent):
            self.machine.files.make_folder(folder)
        self.has(*[verb.value for verb in Verb])
        for name in ("ip", "nsenter"):
            self.machine.commands.programs[name] = lambda _files, _call: Said()

    def has(self, *names: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """Put programs there."""
        for name in names:
            self.machine.files.replace(FOLDER / name, b"#!/bin/sh\n", mode=mode, owner=owner)
            self.machine.commands.programs[name] = self._run

    def lacks(self, *names: str) -> None:
        """Take programs away."""
        for name in names:
            self.machine.files.remove(FOLDER / name)

    def _run(self, _files: FakeFiles, call: Call) -> Said:
        document = json.loads(call.stdin)
        assert call.argv == (str(FOLDER / document["verb"]), document["verb"])
        self.heard.append(document)
        return self.answers.get(document["verb"], Said(GOOD.get(document["verb"], b"")))

    @property
    def driver(self) -> HooksNetworkOs:
        """The driver, as it finds the programs now."""
        return HooksNetworkOs(programs=programs_in(FOLDER, self.machine.files))
