"""Logs for support: a worker makes the bundle within limits, the fetch worker sends it to the host plugin.

What fails is logged and comes again with the next period. Source: guest-setup.md §D.3, wire-protocol.md §5.10.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from limpet.agent.limits import COLLECTOR
from limpet.guest.control_groups import Limits
from limpet.model.errors import FabricError, FabricStale, HostError
from limpet.wire import hostplugin
from limpet.wire.http import accepted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.agent.fabric import Fabric
    from limpet.agent.limits import Groups
    from limpet.agent.machine import Machine
    from limpet.host.ports import Completed, Work

WORKER = "limpet.manage.logs.command"
MIB = 1024 * 1024
LIMITS = Limits(cpu=5, memory=170 * MIB, ceiling=256 * MIB)
"""Percent of one processor; the first amount of memory is the documented one. Source: guest-setup.md §D.3."""
PATIENCE = 1800.0
"""How long the worker may take, seconds: at a twentieth of a processor a full bundle needs five minutes."""
LARGEST = 160 * MIB
_PAUSE = 2.0
_COMPLAINT = 300


class LogUpload:
    """A chore."""

    def __init__(
        self, fabric: Fabric, machine: Machine, control: Groups, *, bundle: Path, arguments: Sequence[str]
    ) -> None:
        """bundle: where the worker puts it. arguments: the worker's."""
        self._fabric = fabric
        self._machine = machine
        self._log = machine.log
        self._clock = machine.clock
        self._control = control
        self._bundle = bundle
        self._arguments = arguments
        self._work: Work | None = None
        self._begun = 0.0

    def do(self) -> float | None:
        """Begin, or look how far it is. Gives the seconds until it wants to be called again, None for its period."""
        if self._work is None:
            groups = self._control.place(COLLECTOR, LIMITS)
            self._work = self._machine.workers.start(WORKER, *self._arguments, groups=groups, gentle=True)
            self._begun = self._clock.monotonic()
            return _PAUSE
        done = self._work.ended()
        if done is None and self._clock.monotonic() - self._begun < PATIENCE:
            return _PAUSE
        work, self._work = self._work, None
        if done is None:
            work.kill()
            self._log.warning("logs.not_collected", problem=f"no end within {PATIENCE:g} s")
        elif self._is_good(done):
            self._upload()
        return None

    def close(self) -> None:
        """End what runs."""
        if self._work is not None:
            self._work.kill()
            self._work = None

    def _is_good(self, done: Completed) -> bool:
        if done.exit_code == 0:
            try:
                told = json.loads(done.stdout)
                self._log.info(
                    "logs.collected", bytes=told["bytes"], files=told["files"], seconds=done.seconds
                )
            except (ValueError, KeyError, TypeError):
                self._log.info("logs.collected")
            return True
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][-_COMPLAINT:]
        self._log.warning("logs.not_collected", exit_code=done.exit_code, problem=last)
        return False

    def _upload(self) -> None:
        try:
            try:
                self._send()
            except FabricStale:
                self._fabric.goal_state()
                self._send()
        except (FabricError, HostError) as error:
            self._log.warning("logs.not_uploaded", problem=error)
        else:
            self._log.info("logs.uploaded")

    def _send(self) -> None:
        request = hostplugin.log_request(
            self._fabric.host_plugin,
            self._fabric.identity(),
            version=self._machine.guest.agent_version,
            correlation_id=self._machine.chance.guid(),
        )
        accepted(self._machine.fetcher.send(request, self._bundle, size=LARGEST), "upload of logs")
