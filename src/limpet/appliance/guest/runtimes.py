"""The container runtimes by their names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.guest import ceilings
from limpet.appliance.guest.lxc import SECCOMP, Lxc
from limpet.appliance.guest.nspawn import Nspawn
from limpet.host.facts.reading import is_there
from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import Runtime
    from limpet.host.ports import Files

NAMES = ("lxc", "nspawn")


def runtime(name: str, files: Files) -> Runtime:
    """The runtime of that name, for this machine. Raises: ConfigurationError; HostError, when the machine cannot be looked at."""
    if name == "lxc":
        seccomp = SECCOMP if is_there(files, Path(SECCOMP)) else None
        return Lxc(ceilings.look(files), seccomp=seccomp)
    if name == "nspawn":
        return Nspawn(ceilings.look(files))
    raise ConfigurationError(f"there is no container runtime {name!r}; there is {', '.join(NAMES)}")
