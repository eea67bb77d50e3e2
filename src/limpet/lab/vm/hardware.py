"""What a VM is made of, as a value, and QEMU's command line for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from limpet.lab.vm.guest import GENERATION_ARGUMENT
from limpet.lab.vm.image import ROOT_LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.lab.vm.kernel import Kernel

CHASSIS_TAG = "7783-7084-3265-9085-8269-3286-77"
"""Of every VM of the platform. Source: guest-setup.md §0.2."""
CD_DRIVE = "cd0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Nic:
    """port: the tap on the fabric's bridge. mac: lower case with colons."""

    port: str
    mac: str

    def backend(self) -> dict[str, str]:
        """QEMU's side of the tap."""
        return {"type": "tap", "id": self.port, "ifname": self.port, "script": "no", "downscript": "no"}

    def device(self) -> dict[str, str]:
        """The card in the VM."""
        return {"driver": "virtio-net-pci", "id": f"nic-{self.port}", "netdev": self.port, "mac": self.mac}


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """A VM of the platform's first generation: BIOS, IDE CD-ROM, disks at LUN 0 and 1.

    vm_id: as the fabric and its metadata service tell it. os_disk, resource_disk: qcow2; no resource disk: None.
    media: an ISO in the drive; None: the drive is empty. arguments: more of the kernel's. memory: MiB.
    vmbus: which generation's device ids the disks have.
    """

    vm_id: UUID
    os_disk: Path
    resource_disk: Path | None
    media: Path | None
    nics: tuple[Nic, ...]
    arguments: tuple[str, ...] = ()
    memory: int = 1024
    cpus: int = 2
    vmbus: int = 1

    @property
    def system_uuid(self) -> UUID:
        """As firmware tells it: the platform's first generation swaps bytes. Source: guest-setup.md §0.2."""
        return UUID(bytes=self.vm_id.bytes_le)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sockets:
    """Where QEMU listens and what it writes. console: everything on the first serial port."""

    qmp: Path
    shell: Path
    console: Path


def command(hardware: Hardware, kernel: Kernel, sockets: Sockets) -> list[str]:
    """QEMU's command line. Nothing of it asks for acceleration: what this must run on has none."""
    return [
        "qemu-system-x86_64", "-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "qemu64",
        "-smp", str(hardware.cpus), "-m", str(hardware.memory),
        "-nodefaults", "-no-user-config", "-display", "none",
        "-qmp", f"unix:{sockets.qmp},server=on,wait=off",
        "-chardev", f"file,id=console,path={sockets.console},append=on", "-serial", "chardev:console",
        "-chardev", f"socket,id=shell,path={sockets.shell},server=on,wait=off", "-serial", "chardev:shell",
        *_firmware(hardware.system_uuid),
        "-device", "virtio-scsi-pci,id=scsi0",
        *_disk("os", hardware.os_disk, lun=0),
        *(_disk("resource", hardware.resource_disk, lun=1) if hardware.resource_disk else ()),
        *_cd_drive(hardware.media),
        *(part for nic in hardware.nics for part in _nic(nic)),
        "-object", "rng-random,filename=/dev/urandom,id=rng0", "-device", "virtio-rng-pci,rng=rng0",
        "-kernel", str(kernel.image), "-initrd", str(kernel.initrd), "-append", " ".join(_arguments(hardware)),
    ]  # fmt: skip


def _arguments(hardware: Hardware) -> Sequence[str]:
    return (
        "console=ttyS0", f"root=LABEL={ROOT_LABEL}", "rw", "net.ifnames=0", "mitigations=off", "quiet",
        f"{GENERATION_ARGUMENT}={hardware.vmbus}", *hardware.arguments,
    )  # fmt: skip


def _firmware(system_uuid: UUID) -> Sequence[str]:
    maker = "manufacturer=Microsoft Corporation"
    return (
        "-smbios", "type=0,vendor=American Megatrends Inc.",
        "-smbios", f"type=1,{maker},product=Virtual Machine,version=7.0,serial=0000-0001,uuid={system_uuid}",
        "-smbios", f"type=2,{maker},product=Virtual Machine",
        "-smbios", f"type=3,{maker},asset={CHASSIS_TAG}",
    )  # fmt: skip


def _disk(name: str, file: Path, *, lun: int) -> Sequence[str]:
    drive = f"if=none,id={name},file={file},format=qcow2,cache=unsafe,discard=unmap"
    disk = f"scsi-hd,drive={name},bus=scsi0.0,lun={lun},vendor=Msft,product=Virtual Disk"
    return ("-drive", drive, "-device", disk)


def _cd_drive(media: Path | None) -> Sequence[str]:
    if media is None:
        return ("-device", f"ide-cd,id={CD_DRIVE},bus=ide.1,unit=0")
    drive = f"if=none,id=media,media=cdrom,readonly=on,file={media},format=raw"
    return ("-drive", drive, "-device", f"ide-cd,id={CD_DRIVE},drive=media,bus=ide.1,unit=0")


def _nic(nic: Nic) -> Sequence[str]:
    backend, device = nic.backend(), nic.device()
    first, driver = backend.pop("type"), device.pop("driver")
    return (
        "-netdev", ",".join([first, *(f"{name}={value}" for name, value in backend.items())]),
        "-device", ",".join([driver, *(f"{name}={value}" for name, value in device.items())]),
    )  # fmt: skip
