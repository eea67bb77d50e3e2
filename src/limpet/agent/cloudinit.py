"""Letting cloud-init finish before the first extension, where the configuration asks for it. Source: extensions.md §3.2."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.agent.machine import Machine

COMMAND = "cloud-init status --wait"


class CloudInit:
    """Waits once. Whatever comes of it, extensions follow."""

    def __init__(self, machine: Machine, wanted: bool, timeout: float, folder: Path) -> None:
        self._processes = machine.processes
        self._log = machine.log
        self._folder = folder
        self._timeout = timeout
        self._due = wanted

    def wait(self) -> None:
        """Wait for cloud-init, the first time this is called."""
        if not self._due:
            return
        self._due = False
        self._log.info("cloud_init.waiting", timeout=self._timeout)
        try:
            done = self._processes.run_handler_command(
                COMMAND, folder=self._folder, environment=dict(os.environ), timeout=self._timeout
            )
        except HostError as error:
            self._log.warning("cloud_init.unusable", problem=error)
            return
        outcome = "timed out" if done.exit_code is None else f"exit code {done.exit_code}"
        self._log.info("cloud_init.waited", outcome=outcome, seconds=f"{done.seconds:.1f}")
