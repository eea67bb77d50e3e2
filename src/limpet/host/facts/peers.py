"""What WALinuxAgent makes of systemd's files for one VM, outside its library. Source: guest-setup.md §A.9.1, steps 10 and 11."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.facts.reading import is_there
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.host.ports import Files

_UNITS = (Path("/etc/systemd/system"), Path("/lib/systemd/system"), Path("/usr/lib/systemd/system"))
_WANTS = ("network.target.wants", "multi-user.target.wants")
_DROP_INS = ("10-Slice.conf", "11-CPUAccounting.conf", "12-CPUQuota.conf", "13-MemoryAccounting.conf")
_PEERS = ("walinuxagent", "waagent")


def look(files: Files, root: Path = Path("/")) -> tuple[Path, ...]:
    """Its network-setup unit, the drop-ins for its service and its slice. No link below `root` is followed."""
    return tuple(_found(files, root))


def _found(files: Files, root: Path) -> Iterator[Path]:
    names = ["azure-walinuxagent-logcollector.slice"]
    for peer in _PEERS:
        names.append(f"{peer}-network-setup.service")
        names += [f"{wants}/{peer}-network-setup.service" for wants in _WANTS]
        names += [f"{peer}.service.d/{name}" for name in _DROP_INS]
    for unit_folder in _UNITS:
        folder = root / unit_folder.relative_to("/")
        if any(_is_link(files, each) for each in (folder, *folder.parents) if root in each.parents):
            continue  # /lib is /usr/lib: the files are found there
        yield from (folder / name for name in names if _plain(files, folder, name))


def _plain(files: Files, folder: Path, name: str) -> bool:
    """Whether it is there, and not behind a link that stands for a folder of units."""
    path = folder / name
    return is_there(files, path) and (path.parent == folder or not _is_link(files, path.parent))


def _is_link(files: Files, path: Path) -> bool:
    try:
        info = files.info(path)
    except HostError:
        return True  # what cannot be looked at is not gone into
    return info is not None and info.is_link
