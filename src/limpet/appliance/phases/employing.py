"""Has the guest shell's day-0 jobs done: started when it talks to the fabric, tried again with patience."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.jobs import DONE, JOBS
from limpet.host.facts.reading import is_there, text_of

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.host.appliance_ports import Child

WORKER = "limpet.appliance.guest.jobs"
ATTEMPTS = 5
_FIRST_PAUSE = 30.0


class Jobs:
    """Nothing is waited for; without a document of jobs it costs one look."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._child: Child | None = None
        self._attempts = 0
        files, vm_id = appliance.machine.files, appliance.chronicle.vm_id
        self._open = vm_id is not None and is_there(files, JOBS) and text_of(files, DONE) != vm_id
        self._due = 0.0

    def step(self) -> None:
        """Begin, or look how far it is. Raises: HostError."""
        if not self._open:
            return
        machine, now = self._appliance.machine, self._appliance.machine.clock.monotonic()
        if self._child is None:
            if now >= self._due:
                self._attempts += 1
                vm_id = self._appliance.chronicle.vm_id or ""
                self._child = machine.children.start(WORKER, vm_id, *self._appliance.options)
            return
        done = self._child.ended()
        if done is None:
            return
        self._child = None
        if done.exit_code == 0:
            self._open = False
            machine.log.info("guest.jobs_done")
            return
        said = done.stderr.decode("utf-8", "replace").strip()[-500:]
        machine.log.warning("guest.jobs_failed", problem=said, attempt=self._attempts, of=ATTEMPTS)
        self._open = self._attempts < ATTEMPTS
        self._due = now + _FIRST_PAUSE * 2 ** (self._attempts - 1)
