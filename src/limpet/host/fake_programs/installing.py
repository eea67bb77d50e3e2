"""ln, systemctl, dpkg-divert and dpkg-query on a fake machine, as far as installing needs them.

A service runs when RUNNING has a file of its name. A package's file is noted in OWNERS, by its path with ``%`` for ``/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel
from limpet.host.fake_programs.deprovision import RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

OWNERS = Path("/proc/fake/owners")
DIVERSIONS = Path("/var/lib/dpkg/diversions")
_LIMIT = 1024 * 1024


def ln(files: FakeFiles, call: Call) -> Said:
    """Put a symbolic link in the place of what is there."""
    target, place = call.argv[-2:]
    with by_the_kernel(files):
        files.remove(Path(place))
        files.link(Path(place), Path(target))
    return Said()


def systemctl(files: FakeFiles, call: Call) -> Said:
    """Say which services run; start and stop some; take note of changed units."""
    verb, *units = call.argv[1:]
    with by_the_kernel(files):
        if verb == "is-active":
            states = ["active" if files.info(RUNNING / unit) else "inactive" for unit in units]
            return Said("\n".join(states) + "\n", exit_code=0 if "active" in states else 3)
        for unit in units:
            if verb == "start":
                files.make_folder(RUNNING)
                files.replace(RUNNING / unit, b"")
            elif verb == "stop":
                files.remove(RUNNING / unit)
    return Said()


def dpkg_query(files: FakeFiles, call: Call) -> Said:
    """Whose a file is."""
    path = call.argv[-1]
    note = OWNERS / path.replace("/", "%")
    if files.info(note) is None:
        return Said(exit_code=1, stderr=f"dpkg-query: no path found matching pattern {path}")
    return Said(f"{files.read(note, at_most=_LIMIT).decode()}: {path}\n")


def dpkg_divert(files: FakeFiles, call: Call) -> Said:
    """Move a package's file aside, or back."""
    _, _, _, _, to, verb, path = call.argv
    with by_the_kernel(files):
        if verb == "--add":
            files.replace(DIVERSIONS, f"{path}\n{to}\n:\n".encode())
            source, goal = Path(path), Path(to)
        else:
            files.remove(DIVERSIONS)
            source, goal = Path(to), Path(path)
        files.copy(source, goal)
        files.remove(source)
    return Said()


PROGRAMS: Mapping[str, Callable[[FakeFiles, Call], Said]] = {
    "dpkg-divert": dpkg_divert,
    "dpkg-query": dpkg_query,
    "ln": ln,
    "systemctl": systemctl,
}
