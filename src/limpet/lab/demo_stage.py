"""What the demo needs around it: a fabric with the sample handlers, and a VM with limpet as a service in it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import recipes, rootfs
from limpet.lab.agents import LIMPET
from limpet.lab.commands import LabError
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.install import limpet_layer
from limpet.lab.room import room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from limpet.lab.emulator import Emulator
    from limpet.lab.machine import Machine

VM = "vm0"
WANTS = "/etc/systemd/system/multi-user.target.wants"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """machine: not booted yet; the fabric knows it as VM."""

    fabric: Fabric
    emulator: Emulator
    machine: Machine


@contextmanager
def stage(handlers: Sequence[str], say: Callable[[str], None]) -> Iterator[Stage]:
    """Set everything up; at the end all of it is gone.

    handlers: folders of examples/ that the fabric hosts. say: told what takes long. Raises: LabError.
    """
    hosted = [argument for name in handlers for argument in ("--handler", str(example(name)))]
    tree = rootfs.root_file_system(recipes.VM, rootfs.default_cache(), say)
    with room() as made:
        layers = [limpet_layer(tree, made.workspace), tree]
        machine, port = made.machine(layers, name=VM)
        LIMPET.prepare(machine)
        machine.path(f"{WANTS}/{LIMPET.unit}").symlink_to(f"/etc/systemd/system/{LIMPET.unit}")
        emulator = made.emulator("--vm", f"{VM}={port.address}", *hosted)
        with fabric(emulator.admin) as client:
            yield Stage(fabric=client, emulator=emulator, machine=machine)


def example(name: str) -> Path:
    """A folder of examples/. Raises: LabError."""
    folder = Path(__file__).parents[3] / "examples" / name
    if not folder.is_dir():
        raise LabError(f"there is no {folder}: run the demo from limpet's source tree")
    return folder
