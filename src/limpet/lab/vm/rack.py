"""A rack: a fabric with DHCP for virtual machines, their images, discs and places on its bridge."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any
from uuid import UUID

from limpet.lab import netns, requirements
from limpet.lab.commands import LabError, Result, run
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.room import GATEWAY, Room, room
from limpet.lab.vm import ssh as vm_ssh
from limpet.lab.vm.hardware import Hardware, Nic
from limpet.lab.vm.image import resource_disk, vm_image
from limpet.lab.vm.virtual_machine import Vm, vm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from limpet.lab.vm.kernel import Kernel
    from limpet.lab.vm.recipes import VmImage
    from limpet.lab.vm.ssh import Key

FIRST_ADDRESS = 101
"""Behind those of a room's other guests."""
MOST_PLACES = 150


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A VM as the fabric knows it, and its NIC on the bridge."""

    name: str
    address: str
    vm_id: UUID
    nic: Nic


class Rack:
    """Made by `rack`; everything in it ends with it."""

    def __init__(
        self, made: Room, world: Fabric, admin: Path, cache: Path, say: Callable[[str], None]
    ) -> None:
        self.room = made
        self.world = world
        self._admin = admin
        self._cache = cache
        self._say = say
        self._places = 0
        self._discs = 0
        self._images: dict[str, tuple[VmImage, Path, Kernel]] = {}

    def place(self, name: str, **described: Any) -> Place:
        """A new VM in the fabric's books, which DHCP knows. described: members such as ``userName``. Raises: LabError."""
        number = FIRST_ADDRESS + self._places
        if self._places >= MOST_PLACES:
            raise LabError(f"a rack has places for {MOST_PLACES} VMs")
        self._places += 1
        address = str(GATEWAY.network[number])
        mac = ":".join(f"{byte:02x}" for byte in b"\x00\x0d\x3a" + IPv4Address(address).packed[1:])
        known = self.world.add_vm(name, address, **described)
        return Place(name=name, address=address, vm_id=UUID(known["vmId"]), nic=self.nic(mac))

    def nic(self, mac: str) -> Nic:
        """Another NIC on the bridge. Raises: LabError."""
        tap = f"tap{mac.replace(':', '')[-6:]}"
        self.room.fabric.ip(f"tuntap add {tap} mode tap", f"link set {tap} master {netns.BRIDGE} up")
        return Nic(port=tap, mac=mac)

    def media(self, place: Place, *more: str) -> Path:
        """The provisioning disc that the fabric would give this VM. more: arguments that change it. Raises: LabError."""
        self._discs += 1
        disc = self.room.workspace.folder / f"{place.name}-{self._discs}.iso"
        make = [sys.executable, "-m", "limpet", "emulator", "media", str(disc), "--from-vm", place.name]
        run([*make, "--admin", f"unix:{self._admin}", *more], timeout=60).checked()
        return disc

    def hardware(self, image: VmImage, place: Place, **other: Any) -> Hardware:
        """What a VM of the platform is made of. other: members of `Hardware` that are to differ. Raises: LabError."""
        disk, _ = self._image(image)
        usual = Hardware(
            vm_id=place.vm_id,
            os_disk=disk,
            resource_disk=resource_disk(self._cache, self._say),
            media=None,
            nics=(place.nic,),
        )
        return replace(usual, **other)

    @contextmanager
    def vm(self, image: VmImage, place: Place, **other: Any) -> Iterator[Vm]:
        """A VM with new disks at a place, not started yet; gone at the end. Raises: LabError."""
        hardware = self.hardware(image, place, **other)
        _, kernel = self._image(image)
        with vm(place.name, self.room.workspace, self.room.fabric, hardware, kernel) as made:
            yield made

    def cloned(self, machine: Vm, place: Place, **other: Any) -> Hardware:
        """What `machine` is to become so that its disks are another VM's. other: members that are to differ besides."""
        return replace(machine.hardware, vm_id=place.vm_id, nics=(place.nic,), **other)

    def ssh(self, place: Place, user: str, key: Key, script: str, *, timeout: float = 120) -> Result:
        """Run a command as a user of a VM. Raises: LabError."""
        return vm_ssh.ssh(self.room.fabric, user, place.address, key, script, timeout=timeout)

    def _image(self, image: VmImage) -> tuple[Path, Kernel]:
        known = self._images.get(image.name)
        if known is None or known[0] != image:
            self._say(f"making the disk image {image.name}")
            disk, system = vm_image(image, self.room.workspace, self._cache, self._say)
            known = self._images[image.name] = (image, disk, system)
        return known[1:]


@contextmanager
def rack(cache: Path, say: Callable[[str], None], *more: str) -> Iterator[Rack]:
    """A fabric with its emulator, and no VM yet. more: arguments of the emulator.

    say: told what takes long. Raises: LabError, also when this machine lacks what VMs need.
    """
    requirements.require(vms=True)
    with room() as made:
        emulator = made.emulator("--dhcp", netns.BRIDGE, *more)
        with fabric(emulator.admin) as world:
            yield Rack(made, world, emulator.admin, cache, say)
