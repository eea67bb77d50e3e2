"""A machine as the platform makes it from an image: nothing but its hardware tells it who it is to become."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.lab.provisioning.disk import temporary_disk
from limpet.lab.provisioning.hardware import DVD, Hardware, azure_dmi, fit
from limpet.lab.provisioning.media import disc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from limpet.lab.fabric import Fabric
    from limpet.lab.machine import Machine
    from limpet.lab.room import Port, Room

INTERFACES = """\
auto lo
iface lo inet loopback
source /etc/network/interfaces.d/*
"""
FIRST_NIC = """\
auto eth0
iface eth0 inet dhcp
"""
FILES: Mapping[str, str] = {
    "/etc/network/interfaces": INTERFACES,
    "/etc/network/interfaces.d/50-cloud-init": FIRST_NIC,  # cloud-init puts its own in this place
    "/etc/default/locale": "LANG=C.UTF-8\n",  # as in Debian's cloud images; cloud-init makes another one otherwise
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the platform is asked for.

    account: members of the fabric's VM, such as ``userName``; the metadata service and a disc ``--from-vm`` have it.
    disc: further options of ``limpet emulator media``; None: there is no disc.
    more_nics: beside eth0; they have no way to the platform. temporary_disk: whether it has one, which is empty.
    """

    account: Mapping[str, Any] = field(default_factory=dict, hash=False)
    disc: Sequence[str] | None = ()
    generation: int = 1
    more_nics: int = 0
    temporary_disk: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NewMachine:
    """A machine that was never booted. init: what to boot it with. vm_id: as the platform has it. drives: see `Hardware`."""

    machine: Machine
    port: Port
    init: tuple[str, ...]
    vm_id: str
    drives: Mapping[str, Path] = field(default_factory=dict, hash=False)

    def boot(self, *, settle: bool = True) -> str:
        """Boot it and give what came of it, as `Machine.settle` does; without `settle` at once. Raises: LabError."""
        self.machine.boot(self.init)
        return self.machine.settle() if settle else "starting"


@contextmanager
def new_machine(
    room: Room, world: Fabric, admin: Path, layers: Sequence[Path], wish: Wish, *, name: str = "vm0"
) -> Iterator[NewMachine]:
    """A machine with its disc in the drive, its DMI strings and an unconfigured NIC; the fabric knows it by `name`.

    The emulator of `room` must serve DHCP (``--dhcp br0``) on the unix socket `admin`. Raises: LabError.
    """
    machine, port = room.machine(layers, name=name, addressed=False)
    nics = [room.add_nic(port, number + 1) for number in range(wish.more_nics)]
    described = {**wish.account, "nics": [{"mac": mac, "address": address} for mac, address in nics]}
    vm_id = world.add_vm(name, port.address, **described)["vmId"]
    with ExitStack() as stack:
        hardware = Hardware(sysfs=azure_dmi(vm_id, generation=wish.generation))
        if wish.disc is not None:
            image = room.workspace.folder / f"{name}.iso"
            options = ("--admin", f"unix:{admin}", "--from-vm", name, *wish.disc)
            hardware = hardware.joined(Hardware(drives={DVD: stack.enter_context(disc(image, *options))}))
        if wish.temporary_disk:
            image = room.workspace.folder / f"{name}.disk"
            hardware = hardware.joined(stack.enter_context(temporary_disk(image)))
        for path, content in FILES.items():
            machine.write(path, content)
        init = fit(machine, hardware)
        try:
            yield NewMachine(machine=machine, port=port, init=init, vm_id=vm_id, drives=hardware.drives)
        finally:
            machine.kill()  # before its drives go
