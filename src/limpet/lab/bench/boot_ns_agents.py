"""Who provisions in the boot bench in namespaces, and the machines that they get: values, and how those are laid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.lab import waagent
from limpet.lab.commands import run
from limpet.lab.install import LAUNCHER, limpet_layer
from limpet.lab.recipes import CLOUD_INIT_VM, PROVISIONED_VM
from limpet.lab.roots import throw_away_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from limpet.lab.machine import Machine
    from limpet.lab.recipes import Recipe
    from limpet.lab.workspace import Workspace

SLICE = "limpetlab.slice"
"""Holds every unit of an agent, so that its control group counts for those too that have ended."""
EARLY, LATE = "basic.target", "multi-user.target"
"""Up to the first a machine starts by itself; then it is settled. The second starts network and agents, in their units' order."""
TIME_TO_INSTALL = 120.0

# Custom data is run by all of them, as cloud-init does anyway.
WAAGENT_CONF: Mapping[str, str] = {
    **waagent.WITHOUT_A_VM,
    "Provisioning.Agent": "waagent",
    "Provisioning.DecodeCustomData": "y",
    "Provisioning.ExecuteCustomData": "y",
}
OWN_KEYS = """\
[ssh]
host_key_types = "ed25519,ecdsa"
"""
"""What limpet makes where nothing else is said; Debian's waagent.conf asks for an RSA key too."""
NOT_NOW = "[Unit]\nConditionPathExists=/nonexistent\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provisioner:
    """One that provisions. units: its services in the order of their starts; it has finished when the last one has.

    files: over its image. waits: units that must not start. version: a command that prints it and does nothing else.
    daemon: the last unit stays, and provisioning is finished when it has said Ready.
    """

    name: str
    recipe: Recipe
    units: tuple[str, ...]
    version: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict, hash=False)
    waits: tuple[str, ...] = ()
    limpet: bool = False
    daemon: bool = False

    def prepare(self, machine: Machine) -> None:
        """Set it up in a machine that is not booted yet; it starts with `LATE` and not before. Raises: LabError."""
        if machine.path(waagent.CONFIGURATION).is_file():
            waagent.prepare(machine, WAAGENT_CONF)
        for path, content in self.files.items():
            machine.write(path, content)
        for unit in self.units:
            machine.write(f"{_drop_ins(unit)}/limpet-lab-slice.conf", f"[Service]\nSlice={SLICE}\n")
        for unit in self.waits:
            machine.write(f"{_drop_ins(unit)}/limpet-lab-not-now.conf", NOT_NOW)
        if self.daemon:
            _link(machine, f"/etc/systemd/system/{LATE}.wants/{self.units[-1]}", self.units[-1])
        _link(machine, "/etc/systemd/system/default.target", EARLY)


def installed_layers(tree: Path, space: Workspace) -> list[Path]:
    """What `limpet install` puts in place, and limpet, to be put on top of a tree. Raises: LabError."""
    layer = limpet_layer(tree, space)
    with throw_away_root([layer, tree], space.folder / "limpet-installed") as root:
        run(["chroot", str(root.folder), LAUNCHER, "install"], timeout=TIME_TO_INSTALL).checked()
        return [root.changes, layer]


def _drop_ins(unit: str) -> str:
    return f"/etc/systemd/system/{unit}.d"


def _link(machine: Machine, path: str, unit: str) -> None:
    """A link to a unit of Debian's."""
    place = machine.path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(f"/lib/systemd/system/{unit}")


_LIMPET_UNIT = "limpet-boot.service"
_LIMPET_VERSION = ("limpet", "--version")
_LATER = ("limpet-agent.service", "limpet-firewall.service")
LIMPET = Provisioner(
    name="limpet",
    recipe=PROVISIONED_VM,
    units=(_LIMPET_UNIT,),
    version=_LIMPET_VERSION,
    files={"/etc/limpet.toml": OWN_KEYS},
    waits=_LATER,
    limpet=True,
)
LIMPET_SAME_KEYS = Provisioner(
    name="limpet, RSA too",
    recipe=PROVISIONED_VM,
    units=(_LIMPET_UNIT,),
    version=_LIMPET_VERSION,
    waits=_LATER,
    limpet=True,
)
"""The same by Debian's waagent.conf, which asks for the host keys that the peers make."""
CLOUD_INIT = Provisioner(
    name="cloud-init",
    recipe=CLOUD_INIT_VM,
    units=(
        "cloud-init-local.service",
        "cloud-init.service",
        "cloud-config.service",
        "cloud-final.service",
    ),
    version=("cloud-init", "--version"),
    files={"/etc/cloud/cloud.cfg.d/91-azure.cfg": "datasource_list: [ Azure ]\n"},
)
"""Debian's, told as Debian's images for this platform are that there is one source."""
WAAGENT = Provisioner(
    name="WALinuxAgent",
    recipe=PROVISIONED_VM,
    units=(waagent.UNIT,),
    version=("waagent", "-version"),
    daemon=True,
)
AGENTS = (LIMPET, LIMPET_SAME_KEYS, CLOUD_INIT, WAAGENT)
