"""Disk images of VMs: a root file system, a kernel's modules, files and limpet's wheel, written as one ext4."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from limpet.lab import waagent
from limpet.lab.commands import run
from limpet.lab.rootfs import built, root_file_system
from limpet.lab.roots import throw_away_root, write
from limpet.lab.vm.appliance_image import GUEST_IMAGE, pack_guest_shell
from limpet.lab.vm.kernel import Kernel, kernel
from limpet.lab.vm.wheel import install_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from limpet.lab.vm.recipes import VmImage
    from limpet.lab.workspace import Workspace

ROOT_LABEL = "root"
DISK_SIZE = "3G"
LONGEST_BUILD = 300.0

RESOURCE_MEGABYTES = 1024
PARTITION_START = 128
"""In sectors of 512 bytes, as the platform's disks have it."""
RESOURCE_EDITION = 1


def vm_image(
    image: VmImage, workspace: Workspace, cache: Path, say: Callable[[str], None]
) -> tuple[Path, Kernel]:
    """A raw disk, to be used read-only under each VM's own, and the kernel that boots it; lives as long as `workspace`.

    The tree and the kernel come from the cache; the rest takes seconds and is never stale. Raises: LabError.
    """
    tree = root_file_system(image.recipe, cache, say)
    system = kernel(cache, say)
    place = workspace.folder / "images"
    place.mkdir(exist_ok=True)
    disk = place / f"{image.name}.img"
    with throw_away_root([system.tree, tree], place / f"{image.name}-layers") as root:
        for path, content in image.files.items():
            write(root.folder, path, content, mode=0o755 if content.startswith("#!") else 0o644)
        if image.settings:
            text = (root.folder / waagent.CONFIGURATION.lstrip("/")).read_text(encoding="utf-8")
            write(root.folder, waagent.CONFIGURATION, waagent.configured(text, image.settings))
        if image.limpet:
            install_wheel(root.folder, place / "wheel", appliance=image.appliance)
        if image.appliance:
            pack_guest_shell(root.folder / GUEST_IMAGE.lstrip("/"), cache, say)
        if image.host_keys:
            run(["chroot", str(root.folder), "ssh-keygen", "-A"]).checked()
        run(["chroot", str(root.folder), "systemctl", "--quiet", "enable", *image.units]).checked()
        _write_disk(root.folder, disk)
    shutil.rmtree(place / f"{image.name}-layers")
    return disk, system


def _write_disk(tree: Path, disk: Path) -> None:
    make = ["mke2fs", "-q", "-t", "ext4", "-L", ROOT_LABEL, "-E", "lazy_itable_init=1", "-d", str(tree)]
    run([*make, str(disk), DISK_SIZE], timeout=LONGEST_BUILD).checked()


def resource_disk(cache: Path, say: Callable[[str], None]) -> Path:
    """A raw disk as the platform gives it to a new VM: one partition of type 7 with an empty NTFS. Raises: LabError."""
    folder = built(cache, f"resource-disk-{RESOURCE_EDITION}", _build_resource_disk, say=say)
    return folder / "resource.img"


def _build_resource_disk(folder: Path) -> None:
    folder.mkdir()
    disk, partition = folder / "resource.img", folder / "partition"
    sectors = RESOURCE_MEGABYTES * 2048
    run(["truncate", f"--size={sectors * 512}", str(disk)]).checked()
    table = f"label: dos\nstart={PARTITION_START}, size={sectors - 2 * PARTITION_START}, type=7\n"
    run(["sfdisk", "--quiet", str(disk)], stdin=table).checked()
    run(["truncate", f"--size={(sectors - 2 * PARTITION_START) * 512}", str(partition)]).checked()
    run(["mkntfs", "--quiet", "--force", "--fast", "--label", "Temporary Storage", str(partition)]).checked()
    copy = ["dd", f"if={partition}", f"of={disk}", "bs=64K", f"seek={PARTITION_START // 128}"]
    run([*copy, "conv=notrunc,sparse", "status=none"], timeout=LONGEST_BUILD).checked()
    partition.unlink()
