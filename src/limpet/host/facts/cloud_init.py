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
_UNIT = Path("/etc/systemd/system/cloud-init-local.service")
_WANTED = tuple(
    Path("/etc/systemd/system", f"{target}.target.wants", "cloud-init-local.service")
    for target in ("cloud-init", "multi-user", "sysinit")
)
_RUNLEVELS = tuple(Path(f"/etc/rc{level}.d") for level in "S2345")


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
    for path in (Path("/run/cloud-init/enabled"), *_WANTED):
        if is_there(files, path):
            return str(path)
    for folder in _RUNLEVELS:
        for name in names_in(files, folder):
            if name.startswith("S") and name.endswith("cloud-init-local"):
                return str(folder / name)
    return None
