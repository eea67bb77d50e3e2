"""What the demo needs around it: a fabric with the sample handlers, and a new VM with limpet installed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import recipes, rootfs
from limpet.lab.commands import LabError, run
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.install import limpet_layer
from limpet.lab.netns import BRIDGE
from limpet.lab.provisioning.hardware import loop_device
from limpet.lab.provisioning.machine import Wish, new_machine
from limpet.lab.room import room
from limpet.lab.vm.ssh import make_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from limpet.lab.emulator import Emulator
    from limpet.lab.machine import Machine
    from limpet.lab.netns import Network
    from limpet.lab.provisioning.machine import NewMachine
    from limpet.lab.vm.ssh import Key

VM = "vm0"
USER, HOST = "ada", "web-1"
WANTS = "/etc/systemd/system/multi-user.target.wants"
# Debian's waagent is in the image too; nobody has configured it for this VM.
CONFIGURATION = """\
[agent]
waagent_conf = "/nonexistent"
"""
TIME_TO_INSTALL = 120.0
WITHOUT_DRIVES = "The VM has neither a DVD nor a temporary disk: instance metadata says who it is to be."


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """new: not booted yet; the fabric knows it as VM. outside: the fabric's network. key: of USER's.

    drives: whether the VM has a DVD and a temporary disk.
    """

    fabric: Fabric
    emulator: Emulator
    outside: Network
    new: NewMachine
    key: Key
    drives: bool

    @property
    def machine(self) -> Machine:
        """The VM."""
        return self.new.machine


@contextmanager
def stage(handlers: Sequence[str], say: Callable[[str], None], *, drives: bool = True) -> Iterator[Stage]:
    """Set everything up; at the end all of it is gone.

    handlers: folders of examples/ that the fabric hosts. say: told what takes long, and what there is not. drives: whether
    the VM is to have a DVD and a temporary disk, where this machine can make them. Raises: LabError.
    """
    hosted = [argument for name in handlers for argument in ("--handler", str(example(name)))]
    tree = rootfs.root_file_system(recipes.PROVISIONED_VM, rootfs.default_cache(), say)
    with room() as made:
        drives = drives and can_have_drives(made.workspace.folder, say)
        layers = [limpet_layer(tree, made.workspace), tree]
        key = make_key(made.workspace.folder / "keys", comment=USER)
        emulator = made.emulator("--dhcp", BRIDGE, *hosted)
        account = {
            "userName": USER,
            "computerName": HOST,
            "publicKeys": [key.public],
            "disablePassword": True,
        }
        wish = Wish(account=account, disc=() if drives else None, temporary_disk=drives)
        with (
            fabric(emulator.admin) as client,
            new_machine(made, client, emulator.admin, layers, wish, name=VM) as new,
        ):
            _install(new.machine)
            yield Stage(
                fabric=client, emulator=emulator, outside=made.fabric, new=new, key=key, drives=drives
            )


def can_have_drives(
    folder: Path,
    say: Callable[[str], None],
    attach: Callable[[Path], AbstractContextManager[Path]] = loop_device,
) -> bool:
    """Whether this machine can make drives of files; otherwise says why not. folder: for an attempt. attach: makes a drive."""
    image = folder / "attempt"
    image.write_bytes(bytes(4096))
    try:
        with attach(image):
            return True
    except LabError as error:
        say(f"There are no loop devices here ({error}).")
        return False
    finally:
        image.unlink()


def _install(machine: Machine) -> None:
    """As into an image: the services start with the boot. Raises: LabError."""
    machine.write("/etc/limpet.toml", CONFIGURATION)
    command = [sys.executable, "-m", "limpet", "install", "--json", "--root", str(machine.root)]
    run(command, timeout=TIME_TO_INSTALL).checked()
    machine.path(f"{WANTS}/ssh.service").symlink_to("/lib/systemd/system/ssh.service")


def example(name: str) -> Path:
    """A folder of examples/, as limpet's source tree has it; `there` says whether it does."""
    return Path(__file__).parents[4] / "examples" / name


def there(folder: Path) -> Path:
    """The same folder. Raises: LabError, where this is no source tree."""
    if not folder.is_dir():
        raise LabError(f"there is no {folder}: run this from limpet's source tree")
    return folder
