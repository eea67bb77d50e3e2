"""The container runtimes by their names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.guest import ceilings
from limpet.appliance.guest.lxc import SECCOMP, Lxc
from limpet.appliance.guest.nspawn import Nspawn
from limpet.host.facts.reading import is_there
from limpet.model.errors import ConfigurationError, HostError

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import Runtime
    from limpet.host.ports import Commands, Files

NAMES = ("lxc", "nspawn")
LOOPS = Path("/dev/loop-control")
_FORMATTERS = (Path("/usr/sbin/mke2fs"), Path("/sbin/mke2fs"))
_PROGRAMS = {"lxc": ("lxc-start", "lxc"), "nspawn": ("systemd-nspawn", "systemd-container")}
"""What each needs of the host: a program, and Debian's package that has it."""


def has_loops(files: Files) -> bool:
    """Whether this machine can mount a file, and make a file system in it."""
    return is_there(files, LOOPS) and any(is_there(files, program) for program in _FORMATTERS)


def require(name: str, commands: Commands) -> None:
    """Raises: HostError, when a runtime is not installed."""
    program, package = _PROGRAMS[name]
    if not commands.exists(program):
        raise HostError(
            f"the runtime {name} needs {program}, which is not installed: apt-get install {package},"
            " or take another one with guest_shell.runtime"
        )


def runtime(name: str, files: Files) -> Runtime:
    """The runtime of that name, for this machine. Raises: ConfigurationError; HostError, when the machine cannot be looked at."""
    if name == "lxc":
        seccomp = SECCOMP if is_there(files, Path(SECCOMP)) else None
        return Lxc(ceilings.look(files), seccomp=seccomp, bounded=has_loops(files))
    if name == "nspawn":
        return Nspawn(ceilings.look(files), bounded=has_loops(files))
    raise ConfigurationError(f"there is no container runtime {name!r}; there is {', '.join(NAMES)}")
