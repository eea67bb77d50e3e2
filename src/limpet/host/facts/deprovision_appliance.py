"""What an appliance has on its disk beside a plain VM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.deprovision_appliance import GUEST, JOURNAL, SHARE, ApplianceFacts
from limpet.guest.forgetting import LARGEST, parse_forgetting
from limpet.host.facts.reading import is_there, names_in
from limpet.host.facts.resource_disk import mounts_of
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from limpet.guest.forgetting import Forgetting
    from limpet.host.ports import Commands, Files

UNIT = "limpet-appliance.service"
SIGNS = (
    JOURNAL,
    Path("/etc/systemd/system", UNIT),
    Path("/usr/lib/systemd/system", UNIT),
    Path("/lib/systemd/system", UNIT),
)
"""A machine is an appliance where one of them is."""
_KEPT = frozenset({GUEST / "images", SHARE})
"""Images are as much a part of the disk as the system's programs, and stay; so does what is shared, which is the appliance's
flash: `limpet guestshell destroy --all` leaves that mounted."""
_PATIENCE = 30.0


def look(
    files: Files, commands: Commands, worker: tuple[str, ...], ending: tuple[str, ...]
) -> ApplianceFacts:
    """worker: the command that says what the network OS forgets. ending: the one that ends the guest shell."""
    forgetting, problem = None, None
    if any(is_there(files, each) for each in SIGNS):
        try:
            forgetting = _forgetting(commands, worker)
        except (HostError, MalformedDocument) as error:
            problem = str(error)
    inner = (GUEST / name for name in names_in(files, GUEST))
    return ApplianceFacts(
        forgetting=forgetting,
        problem=problem,
        mounted=_mounted(files),
        ending=ending,
        kept=tuple(path for path in inner if path not in _KEPT),
        shared=is_there(files, SHARE),
    )


def _forgetting(commands: Commands, worker: tuple[str, ...]) -> Forgetting:
    """Raises: HostError; MalformedDocument."""
    done = commands.run(worker, timeout=_PATIENCE, at_most=LARGEST + 1)
    if done.exit_code is None:
        raise HostError(f"the network OS's driver did not say within {_PATIENCE:g} s what it forgets")
    if done.exit_code != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise HostError(said[-1][:300] if said else "the network OS's driver does not say what it forgets")
    return parse_forgetting(done.stdout)


def _mounted(files: Files) -> Path | None:
    """What is mounted there is in use, and so is a file beside it."""
    points = (Path(mount.point) for mount in mounts_of(files))
    return next((point for point in points if GUEST in point.parents and point != SHARE), None)
