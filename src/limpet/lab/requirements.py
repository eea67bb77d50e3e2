"""What this machine must have for a lab (root, namespaces, programs), checked before anything is made, in words one can act on."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab.cgroups import unified_hierarchy
from limpet.lab.commands import LabError, run
from limpet.lab.rootfs import default_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COMMANDS = {
    "ip": "iproute2",
    "losetup": "mount",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "umount": "mount",
    "unshare": "util-linux",
}
"""Command to Debian package."""

VM_COMMANDS = {
    "apt-get": "apt",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "mkntfs": "ntfs-3g",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "sfdisk": "fdisk",
    "ssh": "openssh-client",
}
"""The same, of what virtual machines need besides."""

APPLIANCE_COMMANDS = {
    "cp": "coreutils",
    "mke2fs": "e2fsprogs",
    "mksquashfs": "squashfs-tools",
    "nft": "nftables",
}
"""The same, of what appliances need besides."""

LOGIN_COMMANDS = {"ssh": "openssh-client", "ssh-keygen": "openssh-client"}
"""The same, of what logging in to a machine needs besides."""

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lack:
    """Something that is missing and how to get it. package: whether a package brings it."""

    what: str
    remedy: str
    package: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


def lacks(*, vms: bool = False, logins: bool = False, appliances: bool = False) -> list[Lack]:
    """What keeps a lab from working on this machine; empty when all is there.

    vms: virtual machines too. logins: also when somebody logs in to machines. appliances: these too.
    """
    if os.geteuid() != 0:
        return [Lack(what="not root", remedy="network namespaces and mounts need root; run this with sudo")]
    commands = COMMANDS | (VM_COMMANDS if vms else {}) | (LOGIN_COMMANDS if logins else {})
    commands |= APPLIANCE_COMMANDS if appliances else {}
    probes = {**PROBES, **(APPLIANCE_PROBES if appliances else {}), **(VM_PROBES if vms else {})}
    return missing_commands(shutil.which, commands) or [*missing_namespaces(), *refused_by_the_kernel(probes)]


def require(*, vms: bool = False, appliances: bool = False) -> None:
    """Raises: LabError, with one line for each thing that is missing; vms, appliances: for these too."""
    if found := lacks(vms=vms, appliances=appliances):
        raise LabError("a lab cannot be built here:\n" + "\n".join(f"  - {lack}" for lack in found))


def missing_commands(
    which: Callable[[str], str | None], commands: Mapping[str, str] = COMMANDS
) -> list[Lack]:
    """Commands that `which` does not find."""
    return [
        Lack(what=f"no command `{command}`", remedy=f"apt-get install {package}", package=True)
        for command, package in sorted(commands.items())
        if which(command) is None
    ]


def missing_namespaces(folder: Path = Path("/proc/self/ns")) -> list[Lack]:
    """Kinds of namespaces the kernel was built without."""
    return [
        Lack(what=f"no {kind} namespaces", remedy="use a kernel with CONFIG_NAMESPACES and its kinds")
        for kind in NAMESPACES
        if not (folder / kind).exists()
    ]


def probe_overlay() -> None:
    """A throw-away overlay, in a mount namespace of its own."""
    script = (
        "mount -t tmpfs probe /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && "
        "mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/m"
    )
    run(["unshare", "--mount", "sh", "-c", script]).checked()


def probe_links() -> None:
    """A veth pair on a bridge, in a network namespace of its own."""
    script = (
        "ip link add name br0 type bridge && ip link add name port0 type veth peer name nic0 && "
        "ip link set port0 master br0 && ip link set br0 up"
    )
    run(["unshare", "--net", "sh", "-c", script]).checked()


def probe_cgroup() -> None:
    """Where machines keep their processes."""
    unified_hierarchy()


def probe_loop_device() -> None:
    """A free one: what an appliance keeps over a power cut is in a file system of its own."""
    run(["losetup", "--find"]).checked()


def probe_stacked_overlays() -> None:
    """One over the trees of the cache, as a guest shell's image is, and one more, as its root is; a kernel stacks so many."""
    script = (
        "mount -t tmpfs probe /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m /mnt/n && "
        'mount -t overlay -o "ro,lowerdir=/mnt/l:$1" overlay /mnt/m && '
        "mount -t overlay -o lowerdir=/mnt/m,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/n"
    )
    run(["unshare", "--mount", "sh", "-c", script, "sh", str(_existing(default_cache()))]).checked()


def _existing(folder: Path) -> Path:
    """A folder, or the lowest one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def probe_packet_rules() -> None:
    """Those of the platform's switch and of a network OS, in a network namespace of its own."""
    rules = (
        "table bridge t { chain c { type filter hook forward priority 0; }; }\n"
        "table ip t { chain c { type nat hook postrouting priority 100; }; }\n"
    )
    run(["unshare", "--net", "nft", "-f", "-"], stdin=rules).checked()


def probe_tap() -> None:
    """A VM's NIC, in a network namespace of its own."""
    run(["unshare", "--net", "ip", "tuntap", "add", "tap0", "mode", "tap"]).checked()


PROBES: Mapping[str, Callable[[], None]] = {
    "overlay mounts are refused": probe_overlay,
    "network namespaces with bridge and veth are refused": probe_links,
    "no cgroup2 hierarchy can be written": probe_cgroup,
}

APPLIANCE_PROBES: Mapping[str, Callable[[], None]] = {
    "no loop device can be had": probe_loop_device,
    "overlay mounts over overlay mounts are refused": probe_stacked_overlays,
    "rules for packets are refused": probe_packet_rules,
}
"""The same, of what appliances need besides."""

VM_PROBES: Mapping[str, Callable[[], None]] = {"no TAP device can be had": probe_tap}
"""The same, of what virtual machines need besides."""


def refused_by_the_kernel(probes: Mapping[str, Callable[[], None]]) -> list[Lack]:
    """Features that fail when tried; trying also loads the kernel's modules."""
    found = []
    for what, probe in probes.items():
        try:
            probe()
        except LabError as error:
            found.append(
                Lack(what=what, remedy=f"use a kernel and a container setting that allow it ({error})")
            )
    return found
