"""Whether cloud-init runs in this boot, seen from its files: no process is started for that. Source: guest-setup.md §A.11."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.provisioner import CloudInitFacts
from limpet.host.facts.reading import is_there, names_in, text_of
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Files

_DISABLED = (Path("/etc/cloud/cloud-init.disabled"), Path("/run/cloud-init/disabled"))
_COMMAND_LINE = Path("/proc/cmdline")
_NAME = "cloud-init-local.service"
_UNIT = Path("/etc/systemd/system", _NAME)
_WANTED = tuple(
    Path("/etc/systemd/system", f"{target}.target.wants", _NAME)
    for target in ("cloud-init", "multi-user", "sysinit")
)
_UNITS = tuple(
    Path(folder, "systemd/system", _NAME) for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
_RUNLEVELS = tuple(Path(f"/etc/rc{level}.d") for level in "S2345")
_PROGRAMS = tuple(Path(folder, "cloud-init") for folder in ("/usr/bin", "/usr/local/bin", "/bin"))


def look(files: Files) -> CloudInitFacts:
    """Read them."""
    return CloudInitFacts(disabled=_disabled(files), enabled=_enabled(files))


def _disabled(files: Files) -> str | None:
    for path in _DISABLED:
        if is_there(files, path):
            return str(path)
    if "cloud-init=disabled" in (text_of(files, _COMMAND_LINE) or "").split():
        return str(_COMMAND_LINE)
    try:
        masked = files.target(_UNIT) == Path("/dev/null")
    except HostError:
        masked = False
    return f"{_UNIT} is masked" if masked else None


def _enabled(files: Files) -> str | None:
    """Links alone say nothing: they stay, and so does the script they lead to, when the package is removed but not purged."""
    verdict = Path("/run/cloud-init/enabled")
    if is_there(files, verdict):
        return str(verdict)
    wanted = next((path for path in _WANTED if is_there(files, path)), None)
    if wanted is not None and any(is_there(files, unit) for unit in _UNITS):
        return str(wanted)
    if not any(is_there(files, program) for program in _PROGRAMS):
        return None
    for folder in _RUNLEVELS:
        for name in names_in(files, folder):
            if name.startswith("S") and name.endswith("cloud-init-local"):
                return str(folder / name)
    return None
