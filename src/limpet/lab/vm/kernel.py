"""Debian's kernel for VMs: taken from its package once, with a small initrd that finds the root disk."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab.commands import LabError, run
from limpet.lab.rootfs import built

if TYPE_CHECKING:
    from collections.abc import Callable

META_PACKAGE = "linux-image-cloud-amd64"
EDITION = 1
"""Raised when what is made of a kernel's package changes."""
LONGEST_DOWNLOAD = 600.0
BUSYBOX = Path("/bin/busybox")
APPLETS = ("cat", "echo", "findfs", "insmod", "mount", "sh", "sleep", "switch_root")
DRIVERS = ("virtio_pci", "virtio_scsi", "sd_mod", "ext4")
"""What is between the kernel and its root file system."""

INIT = """\
#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
while read -r module; do insmod "/modules/$module"; done < /modules/order
for word in $(cat /proc/cmdline); do case $word in root=*) root=${word#root=};; esac; done
tries=0
while [ $tries -lt 600 ]; do
  device=$(findfs "$root" 2>/dev/null)
  [ -b "$device" ] && break
  sleep 0.05; tries=$((tries + 1))
done
mount -t ext4 -o rw "$device" /new || { echo "initrd: no root file system $root" > /dev/console; exec sh; }
mount --move /dev /new/dev; mount --move /proc /new/proc; mount --move /sys /new/sys
exec switch_root /new /sbin/init
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """folder: where its parts are, never written to. tree: a layer with /lib/modules, for a root file system."""

    folder: Path

    @property
    def image(self) -> Path:
        """What QEMU boots."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What finds the root file system by ``root=LABEL=…``."""
        return self.folder / "initrd.gz"

    @property
    def tree(self) -> Path:
        """A layer with its modules."""
        return self.folder / "tree"

    @property
    def release(self) -> str:
        """As `uname -r` says."""
        return next((self.tree / "usr/lib/modules").iterdir()).name


def kernel(cache: Path, say: Callable[[str], None]) -> Kernel:
    """The newest kernel that this machine's apt knows, from the cache or fetched now. Raises: LabError."""
    package = _newest()
    name = f"kernel-{package.removeprefix('linux-image-')}-{EDITION}"
    return Kernel(folder=built(cache, name, lambda folder: _build(package, folder, say), say=say))


def _newest() -> str:
    answer = run(["apt-cache", "--important", "depends", META_PACKAGE]).stdout
    for line in answer.splitlines():
        relation, _, name = line.strip().partition(": ")
        if relation == "Depends":
            return name
    raise LabError(f"this machine's apt knows no {META_PACKAGE}: apt-get update")


def _build(package: str, folder: Path, say: Callable[[str], None]) -> None:
    say(f"fetching {package}")
    folder.mkdir()
    download, unpacked = folder / "download", folder / "unpacked"
    download.mkdir()
    # As root, apt would otherwise complain that its own user may not write here.
    fetch = ["apt-get", "--quiet", "-o", "APT::Sandbox::User=root", "download", package]
    run(["env", f"--chdir={download}", *fetch], timeout=LONGEST_DOWNLOAD).checked()
    run(["dpkg-deb", "--extract", *map(str, download.iterdir()), str(unpacked)], timeout=120).checked()
    next(unpacked.glob("boot/vmlinuz-*")).rename(folder / "vmlinuz")
    modules = folder / "tree/usr/lib/modules"
    modules.parent.mkdir(parents=True)
    next(unpacked.glob("**/lib/modules")).rename(modules)
    shutil.rmtree(download)
    shutil.rmtree(unpacked)
    made = Kernel(folder=folder)
    run(["depmod", "--basedir", f"{made.tree}/usr", made.release], timeout=120).checked()
    _write_initrd(made)


def _write_initrd(made: Kernel) -> None:
    """A file system of busybox and a few modules: Debian's own is many times that, and slow where a CPU is emulated."""
    root = made.folder / "initrd"
    for name in ("bin", "dev", "modules", "new", "proc", "sys"):
        (root / name).mkdir(parents=True)
    shutil.copy2(BUSYBOX, root / "bin/busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    modules = _with_dependencies(made)
    for module in modules:
        shutil.copy2(module, root / "modules" / module.name)
    (root / "modules/order").write_text("".join(f"{module.name}\n" for module in modules), encoding="ascii")
    (root / "init").write_text(INIT, encoding="ascii")
    (root / "init").chmod(0o755)
    archive = made.folder / "initrd.cpio"
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    pack = ["cpio", "--create", "--format=newc", "--quiet", f"--directory={root}", f"--file={archive}"]
    run([*pack, "--owner=0:0"], stdin=f".\n{names}\n").checked()
    made.initrd.write_bytes(gzip.compress(archive.read_bytes(), compresslevel=1, mtime=0))
    archive.unlink()
    shutil.rmtree(root)


def _with_dependencies(made: Kernel) -> list[Path]:
    """The files of the drivers, each after those that it needs."""
    found: dict[Path, None] = {}
    look = ["modprobe", "--dirname", f"{made.tree}/usr", "--set-version", made.release, "--show-depends"]
    for driver in DRIVERS:
        for line in run([*look, driver]).checked().splitlines():
            verb, _, path = line.strip().partition(" ")
            if verb == "insmod":
                found[Path(path)] = None
    return list(found)
