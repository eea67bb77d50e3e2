"""The program that stays in memory: reads what `main` has left for it, builds the agent, and runs its tasks until a signal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from limpet.agent import build
from limpet.agent.running import HEAPS, Running
from limpet.agent.tasks import Tasks
from limpet.host.clock import RealClock
from limpet.host.log import open_log

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST = 64 * 1024


def main(argv: Sequence[str]) -> int:
    """Run the agent. argv: the descriptor of the file that says how. Gives the exit code."""
    os.environ.pop(HEAPS, None)
    descriptor = int(argv[0])
    running = Running.parse(os.pread(descriptor, _LARGEST, 0))
    os.close(descriptor)
    log, clock = open_log(running.log_file), RealClock()
    if running.shell is not None:
        from limpet.agent import in_guest  # noqa: PLC0415 - most machines are nobody's guest shell

        return in_guest.run(running, clock, log)
    return Tasks(build.build(running, clock, log), log).run()
