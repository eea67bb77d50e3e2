"""What an appliance in a VM consists of: Debian with FRR and LXC, limpet as its supervisor, and the guest shell's image beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.lab import recipes
from limpet.lab.appliance.guest_image import guest_image
from limpet.lab.commands import run
from limpet.lab.rootfs import root_file_system
from limpet.lab.vm.guest import GUEST_FILES, GUEST_UNITS
from limpet.lab.vm.recipes import BASE, VmImage
from limpet.lab.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GUEST_IMAGE = "/opt/guest-shell/image.squashfs"
"""Where the image that an appliance comes with is."""
LONGEST_PACKING = 300.0
CONFIGURATION = """\
[appliance]
network_os = "{network_os}"

[guest_shell]
memory = {memory}
pids = {pids}
disk = 512
"""
GUEST_MEMORY, GUEST_PIDS = 256, 128
"""MiB, and processes: what the VM's guest shell may have."""

RECIPE = replace(
    BASE.with_packages("curl", "frr", "lxc"),
    disabled=("frr.service", "lxc-net.service", "lxc.service", "lxc-monitord.service"),
)
"""The Linux below: nothing but limpet starts FRR or a container, and nothing but its boot stage brings a NIC up."""


def appliance_image(network_os: str) -> VmImage:
    """The image with one of the network operating systems."""
    text = CONFIGURATION.format(network_os=network_os, memory=GUEST_MEMORY, pids=GUEST_PIDS)
    return VmImage(
        name=f"appliance-{network_os}",
        recipe=RECIPE,
        files={**GUEST_FILES, "/etc/limpet.toml": text},
        units=GUEST_UNITS,
        limpet=True,
        appliance=True,
    )


def pack_guest_shell(target: Path, cache: Path, say: Callable[[str], None]) -> None:
    """The guest shell's image, quick to pack and to read where a CPU is emulated. Raises: LabError."""
    tree = root_file_system(recipes.GUEST_SHELL, cache, say)
    target.parent.mkdir(parents=True, exist_ok=True)
    with workspace() as space, guest_image(tree, space) as folder:
        pack = ["mksquashfs", str(folder), str(target), "-comp", "lz4", "-no-progress", "-quiet"]
        run(pack, timeout=LONGEST_PACKING).checked()
