"""How a container is, from what the kernel says: a few small files are read, no process is started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.guest.contract import ShellSight
from limpet.appliance.guest.layout import SQUASHFS, Layout
from limpet.appliance.guest.volumes import Disk
from limpet.guest.mounts import read_mountinfo
from limpet.guest.shell_brief import VARIABLE
from limpet.host.facts.reading import bytes_of, text_of

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import ShellPlan
    from limpet.host.ports import Files

PROCESSES = Path("/proc")
_MOUNTS = Path("/proc/self/mountinfo")
_LARGE = 4 * 1024 * 1024
_SMALL = 256 * 1024


def look(plan: ShellPlan, files: Files) -> ShellSight:
    """How it is. A process counts as its first one when it is that of a process namespace and has the instance that was started.

    Raises: HostError, when the kernel cannot be asked.
    """
    layout = Layout.of(plan)
    lines = files.read(_MOUNTS, at_most=_LARGE).decode("utf-8", "surrogateescape").splitlines()
    points, stores, overlay = _mounts(layout, lines)
    share = layout.share(plan)
    instance = text_of(files, layout.started) or None
    init, problem = None, None
    if instance is not None:
        init = _first_process(files, layout, instance)
        problem = None if init is not None else "its first process has ended"
    changed = bool(files.names(layout.changes)) or files.info(layout.discarded) is not None
    return ShellSight(
        mounted=overlay,
        init=init,
        instance=None if init is None else instance,
        problem=problem or ("another image is mounted" if points and not overlay and init is None else None),
        mounts=points,
        started=instance is not None,
        changed=changed,
        kept=changed or any(files.info(each) is not None for each in (layout.volume, layout.state)),
        disk=layout.stored(plan).look(files),
        stores=stores,
        share_disk=Disk() if share is None else share[1].look(files),
        shares=() if share is None else _points(lines, share[0], share[1].point),
    )


def _points(lines: list[str], *places: Path) -> tuple[Path, ...]:
    """Those of some places at which something is mounted."""
    ours = [line for line in lines if any(f" {place} " in line for place in places)]
    found = {mount.point for line in ours for mount in read_mountinfo(line)}
    return tuple(place for place in places if str(place) in found)


def _mounts(layout: Layout, lines: list[str]) -> tuple[tuple[Path, ...], tuple[Path, ...], bool]:
    """What is mounted for it: its root, its volume; and whether its root is there whole, over its image."""
    ours = [line for line in lines if f" {layout.store}/" in line]
    found = [(Path(mount.point), line) for line in ours for mount in read_mountinfo(line)]
    points = tuple(point for point, _ in found if point.is_relative_to(layout.container))
    stores = tuple(point for point, _ in found if point in {layout.volume, layout.state})
    overlay = any(point == layout.root and f"lowerdir={layout.lower}," in line for point, line in found)
    return points, stores, overlay and (layout.image.suffix != SQUASHFS or layout.lower in points)


def _first_process(files: Files, layout: Layout, instance: str) -> int | None:
    said = (text_of(files, layout.init) or "").split()
    process = next((int(word) for word in said if word.isdecimal()), 0)
    return process if process and is_first_process(files, process, instance) else None


def is_first_process(files: Files, process: int, instance: str) -> bool:
    """Whether a process is the first one of a process namespace and was started with the instance in its environment (R4, R5)."""
    folder = PROCESSES / str(process)
    environment = (bytes_of(files, folder / "environ", at_most=_SMALL) or b"").split(b"\0")
    if f"{VARIABLE}={instance}".encode() not in environment:
        return False
    status = (text_of(files, folder / "status") or "").splitlines()
    numbers = next((line.split()[1:] for line in status if line.startswith("NSpid:")), [])
    state = next((line.split()[1] for line in status if line.startswith("State:")), "")
    return len(numbers) > 1 and numbers[-1] == "1" and state not in {"Z", "X"}
