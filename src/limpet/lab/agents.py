"""The agents that a machine can be given, as services of its systemd: ours, and Debian's as the peer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.lab import waagent
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from limpet.lab.machine import Machine

LIMPET_UNIT = """\
[Unit]
Description=limpet agent

[Service]
Type=simple
ExecStart=/usr/bin/limpet agent
Restart=always
# What a handler started goes on when the agent is stopped or restarted.
KillMode=process

[Install]
WantedBy=multi-user.target
"""
TIME_TO_STOP = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """An agent. name: for people. unit: its service. asks: prints its version. unit_text: None where Debian ships it."""

    name: str
    unit: str
    asks: tuple[str, ...]
    unit_text: str | None = None

    def prepare(self, machine: Machine, settings: Mapping[str, str] | None = None) -> None:
        """Set it up in a machine that is not booted yet. settings: of waagent.conf, which every agent honours."""
        waagent.prepare(machine, settings)
        if self.unit_text is not None:
            machine.write(f"/etc/systemd/system/{self.unit}", self.unit_text)

    def start(self, machine: Machine) -> None:
        """Start its service. Raises: LabError."""
        machine.run(["systemctl", "start", self.unit]).checked()

    def stop(self, machine: Machine) -> None:
        """Stop its service and every process of it. Raises: LabError."""
        machine.run(["systemctl", "stop", self.unit], timeout=TIME_TO_STOP).checked()

    def log(self, machine: Machine) -> str:
        """What its service told the journal, and what it logged to its file."""
        journal = machine.run(["journalctl", "--no-pager", "--output", "short-precise", "--unit", self.unit])
        return f"{journal.stdout}{waagent.log(machine)}"

    def version(self, machine: Machine) -> str:
        """As it tells it in the first line of the answer. Raises: LabError."""
        answer = machine.run(self.asks).checked()
        return answer.splitlines()[0].strip()

    def cgroup(self, machine: Machine) -> Path:
        """The control group that holds all of its processes and nothing else. Raises: LabError, when it does not run."""
        inside = machine.run(["systemctl", "show", "--property=ControlGroup", "--value", self.unit]).checked()
        if not inside.strip():
            raise LabError(f"{self.unit} is not running in {machine.name}")
        return machine.cgroup / inside.strip().lstrip("/")


LIMPET = Agent(
    name="limpet", unit="limpet-agent.service", asks=("limpet", "--version"), unit_text=LIMPET_UNIT
)
WAAGENT = Agent(name="WALinuxAgent", unit=waagent.UNIT, asks=("waagent", "-version"))
