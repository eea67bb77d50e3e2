"""How the services are started: by a launcher of their own, with what they load packed beside it.

The command that pip installs looks for packages, reads the environment and keeps docstrings in memory; and the boot stage would
look for two hundred files before anything else of the machine starts. Decision: docs/decisions/0024-packed-start.md.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import limpet
from limpet.host.worker import PACKED as FILE
from limpet.packed import LARGEST
from limpet.packed import MARK as PACKED_MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.ports import Commands

LAUNCHER = "usr/local/lib/limpet/limpet"
PACKED = FILE[1:]
"""Below the root."""

_LONGEST_LINE = 127
"""Characters of a script's first line that every Linux reads."""
_TIME_TO_PACK = 120.0
_FLAGS = "-ISOO"
_TEXT = """\
#!{python} {flags}
# Installed by limpet. Starts its services: without the environment, without a search for packages, without docstrings.
import os, sys
sys.path.extend({folders!r})
if sys.argv[1:2] == ["boot"]:
    from limpet.packed import begin
    begin({packed!r})
    from limpet.cli import entry
    os._exit(entry())  # at once: nothing is left that the kernel does not take back
if sys.argv[1:2] == ["appliance"]:
    from limpet.packed import begin
    begin({packed!r})
from limpet.cli import entry
sys.exit(entry())
"""


def launcher(python: str, folders: Sequence[str]) -> bytes | None:
    """The launcher's text; None for an interpreter whose name cannot stand in a script's first line.

    folders: where limpet and what it needs are.
    """
    text = _TEXT.format(python=python, flags=_FLAGS, folders=list(folders), packed=FILE)
    first = text.partition("\n")[0]
    usable = python.startswith("/") and not any(character.isspace() for character in python)
    return text.encode() if usable and len(first) <= _LONGEST_LINE else None


def folders() -> list[str]:
    """Where this limpet is, and what it needs, as far as that is there."""
    needed = find_spec("urllib3")
    places = [Path(limpet.__file__), *([Path(needed.origin)] if needed and needed.origin else [])]
    return list(dict.fromkeys(str(place.parents[1]) for place in places))


def packed_start(commands: Commands, python: str, places: Sequence[str]) -> bytes | None:
    """What is to be packed, as that interpreter loads it. None when it cannot be made.

    Raises: HostError, when the interpreter cannot be started.
    """
    start = f"import sys; sys.path.extend({list(places)!r}); from limpet.manage.install.packing import main; sys.exit(main(sys.argv[1:]))"
    argv = (python, "-I", "-S", "-OO", "-X", "no_debug_ranges", "-c", start, FILE)
    done = commands.run(argv, timeout=_TIME_TO_PACK, at_most=LARGEST)
    return done.stdout if done.exit_code == 0 and done.stdout.startswith(PACKED_MARK) else None


def lean_start(commands: Commands) -> dict[str, bytes]:
    """The files of it, by path below the root; none where it cannot be had, and the command itself is started then.

    Raises: HostError.
    """
    places = folders()
    text = launcher(sys.executable, places)
    if text is None:
        return {}
    made = packed_start(commands, sys.executable, places)
    return {LAUNCHER: text} if made is None else {LAUNCHER: text, PACKED: made}
