"""A small program of its own: wait until a router's loader says that day 0 is over. Started by the driver ``iosxe``.

usage: python3 -m limpet.appliance.networkos.iosxe.wait FLASH SECONDS

Without a configuration on the flash there is nothing to wait for: a router under SD-WAN has its bootstrap there instead.

exit codes: 0 done, 1 done and lines were refused, 2 wrong usage, 75 not done in time
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.networkos.iosxe.cvac import (
    CONFIGURATION_FILE,
    LARGEST,
    LOG,
    CvacReport,
    Progress,
    read_cvac,
)
from limpet.host.clock import RealClock
from limpet.host.facts.reading import bytes_of, is_there
from limpet.host.files import RealFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.ports import Clock, Files

PAUSE = 1.0
CODES = {Progress.DONE: 0, Progress.FAILED: 1}
UNDECIDED = 75


def wait(flash: Path, seconds: float, files: Files, clock: Clock) -> CvacReport:
    """Look at the loader's log until it says an end, or for `seconds`."""
    if not is_there(files, flash / CONFIGURATION_FILE):
        return CvacReport(progress=Progress.DONE)
    deadline = clock.monotonic() + seconds
    while True:
        content = bytes_of(files, flash / LOG, at_most=LARGEST) or b""
        report = read_cvac(content.decode("utf-8", "replace"))
        if report.progress in CODES or clock.monotonic() >= deadline:
            return report
        clock.sleep(PAUSE)


def main(argv: Sequence[str]) -> int:
    """Wait, and tell how it ended."""
    try:
        flash, seconds = Path(argv[0]), float(argv[1])
    except (IndexError, ValueError):
        sys.stderr.write("usage: limpet.appliance.networkos.iosxe.wait FLASH SECONDS\n")
        return 2
    report = wait(flash, seconds, RealFiles(), RealClock())
    if report.progress is not Progress.DONE:
        sys.stderr.write(f"{report.describe()}\n")
    return CODES.get(report.progress, UNDECIDED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
