"""systemctl, usermod, userdel and limpet's own helpers on a fake machine, as far as deprovisioning needs them.

A service runs when RUNNING has a file of its name. What the network OS's driver says that it forgets is in FORGETTING.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

RUNNING = Path("/proc/fake/services")
FORGETTING = Path("/proc/fake/forgetting")
WORKER = ("what-the-network-os-forgets",)
ENDING = ("end-the-guest-shell",)
_MOUNTS, _GUEST = Path("/proc/self/mountinfo"), Path("/var/lib/limpet/guest")
_LIMIT = 64 * 1024
_NO_SUCH_USER = 6


def systemctl(files: FakeFiles, call: Call) -> Said:
    """Say which services run; stop some."""
    verb, *units = call.argv[1:]
    if verb == "is-active":
        running = [files.info(RUNNING / unit) is not None for unit in units]
        states = ["active" if each else "inactive" for each in running]
        return Said("\n".join(states) + "\n", exit_code=0 if any(running) else 3)
    if verb == "stop":
        for unit in units:
            files.nodes.pop(RUNNING / unit, None)
        return Said()
    return Said(exit_code=1, stderr=f"Unknown command verb {verb}.")


def usermod(files: FakeFiles, call: Call) -> Said:
    """Give an account another hash."""
    _, _, password, name = call.argv
    lines = _lines(files, Path("/etc/shadow"))
    changed = [
        f"{name}:{password}:{line.split(':', 2)[2]}" if line.startswith(f"{name}:") else line
        for line in lines
    ]
    _put(files, Path("/etc/shadow"), "".join(f"{line}\n" for line in changed))
    return Said()


def userdel(files: FakeFiles, call: Call) -> Said:
    """Remove an account from the databases; its home stays without --remove."""
    name = call.argv[-1]
    if not any(line.startswith(f"{name}:") for line in _lines(files, Path("/etc/passwd"))):
        return Said(exit_code=_NO_SUCH_USER, stderr=f"userdel: user '{name}' does not exist")
    for path in (Path("/etc/passwd"), Path("/etc/shadow"), Path("/etc/group")):
        rest = [line for line in _lines(files, path) if not line.startswith(f"{name}:")]
        if path in files.nodes:
            _put(files, path, "".join(f"{line}\n" for line in rest))
    return Said()


def _lines(files: FakeFiles, path: Path) -> list[str]:
    try:
        return files.read(path, at_most=_LIMIT).decode().splitlines()
    except FileNotFoundError:
        return []


def _put(files: FakeFiles, path: Path, text: str) -> None:
    """As one change, the program's own: the power is cut before a program runs, not in it."""
    before, files.before = files.before, lambda: None
    try:
        files.make_folder(path.parent)
        old = files.info(path)
        files.replace(path, text.encode(), mode=0o644 if old is None else old.mode)
    finally:
        files.before = before


def forgets(files: FakeFiles, call: Call) -> Said:
    """Say the plan of the network OS's driver."""
    del call
    try:
        return Said(files.read(FORGETTING, at_most=_LIMIT))
    except FileNotFoundError:
        return Said(exit_code=1, stderr="there is no network OS")


def guest_shell(files: FakeFiles, call: Call) -> Said:
    """End it: nothing is mounted any more, its volume has gone, and it is noted that nobody wants it to run."""
    del call
    before, files.before = files.before, lambda: None
    try:
        files.replace(_MOUNTS, b"")
        files.remove(_GUEST / "volume.img")
        files.replace(_GUEST / "wanted.json", b'{"state": "disabled"}')
    finally:
        files.before = before
    return Said()


PROGRAMS: Mapping[str, Callable[[FakeFiles, Call], Said]] = {
    WORKER[0]: forgets,
    ENDING[0]: guest_shell,
    "systemctl": systemctl,
    "userdel": userdel,
    "usermod": usermod,
}
