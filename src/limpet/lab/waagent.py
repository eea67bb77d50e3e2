"""Debian's waagent, unmodified, in a machine: the real client that the fabric is proved with, and the peer in benches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.lab.machine import Machine

UNIT = "walinuxagent.service"
CONFIGURATION = "/etc/waagent.conf"
LOG = "/var/log/waagent.log"

# What does not exist in a namespace, or belongs to boot: everything else is as Debian ships it.
WITHOUT_A_VM: Mapping[str, str] = {
    "Provisioning.Agent": "disabled",
    "Provisioning.MonitorHostName": "n",
    "ResourceDisk.Format": "n",
    "Logs.Console": "n",
    "Logs.Collect": "n",
    "OS.EnableFirewall": "n",
    "AutoUpdate.Enabled": "n",
}
# Debian's unit starts only on Hyper-V.
DROP_IN = "[Unit]\nConditionVirtualization=\n"


def configured(text: str, settings: Mapping[str, str]) -> str:
    """A waagent.conf with other values; keys it has not are added at its end."""
    rest = dict(settings)
    lines = []
    for line in text.splitlines():
        key = line.split("=", 1)[0].strip()
        lines.append(f"{key}={rest.pop(key)}" if key in rest else line)
    return "\n".join([*lines, *(f"{key}={value}" for key, value in rest.items())]) + "\n"


def prepare(machine: Machine, settings: Mapping[str, str] | None = None) -> None:
    """Set up waagent in a machine that is not booted yet, or not started it yet. settings: of waagent.conf."""
    text = configured(machine.read(CONFIGURATION), {**WITHOUT_A_VM, **(settings or {})})
    machine.write(CONFIGURATION, text)
    machine.write(f"/etc/systemd/system/{UNIT}.d/limpet-lab.conf", DROP_IN)


def start(machine: Machine) -> None:
    """Start its service. Raises: LabError."""
    machine.run(["systemctl", "start", UNIT]).checked()


def log(machine: Machine) -> str:
    """What it logged so far; empty before its first line."""
    return machine.read(LOG) if machine.path(LOG).is_file() else ""
