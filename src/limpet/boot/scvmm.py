"""Looks for SCVMM's disc, drive by drive, and starts its agent from it. Source: guest-setup.md §E.

Only where scvmm.detect says so. If the disc is there, the boot stage does nothing else, whatever its agent comes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.modules import IDE_DRIVE, MEDIA, plan_modules
from limpet.guest.scvmm import INSTALLER, installation, is_scvmm, mounting, unmounting
from limpet.host.facts import kernel as kernel_facts
from limpet.host.facts.reading import is_there, names_in
from limpet.host.facts.scvmm import look
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.guest.scvmm import Drive
    from limpet.host.apply import Interpreter
    from limpet.host.ports import Log


@dataclass(frozen=True, kw_only=True, slots=True)
class Scvmm:
    """SCVMM's disc was found. problem: why its agent could not do its work; None when it did."""

    device: Path
    point: Path
    problem: str | None = None


def bootstrap(acting: Interpreter, point: Path, log: Log, *, output: Path | None = None) -> Scvmm | None:
    """Start SCVMM's agent if its disc is there; None if it is not, and then no drive is left mounted by this.

    point: where a disc is mounted to be looked at. output: a file that gets what the agent's installer says.
    """
    found = _found(acting, point, log)
    if found is None:
        return None
    log.info("scvmm.found", device=found.device, mounted=found.point)
    try:
        if not is_there(acting.files, found.point / INSTALLER):
            raise HostError(f"there is no {INSTALLER} on its disc")  # noqa: TRY301 - told as the installer's failure is
        acting.do(installation(found.point, output))
    except HostError as error:
        log.warning("scvmm.failed", problem=str(error))
        return Scvmm(device=found.device, point=found.point, problem=str(error))
    log.info("scvmm.done")
    return found


def _found(acting: Interpreter, point: Path, log: Log) -> Scvmm | None:
    drives = look(acting.files)
    if not drives:
        _load_drivers(acting, log)
        drives = look(acting.files)
    for drive in drives:
        where = _looked_into(acting, drive, point, log)
        if where is not None:
            return Scvmm(device=drive.device, point=where)
    return None


def _load_drivers(acting: Interpreter, log: Log) -> None:
    needed = (*IDE_DRIVE, *MEDIA)
    facts = kernel_facts.modules(acting.files, acting.commands, acting.kernel, needed)
    for outcome in acting.apply([plan_modules(needed, facts)]):
        if outcome.failed:
            log.warning("scvmm.no_drivers", problem=outcome.problem)


def _looked_into(acting: Interpreter, drive: Drive, point: Path, log: Log) -> Path | None:
    """Where the disc is mounted, if it is SCVMM's. A drive that cannot be mounted is told, and the next one is tried."""
    if drive.point is not None:
        return drive.point if is_scvmm(names_in(acting.files, drive.point)) else None
    try:
        for step in mounting(drive.device, point):
            acting.do(step)
        if is_scvmm(names_in(acting.files, point)):
            return point
        acting.do(unmounting(point))
    except HostError as error:
        log.warning("scvmm.drive", device=drive.device, problem=str(error))
    return None
