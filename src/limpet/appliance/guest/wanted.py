"""Whether an operator wants the guest shell to run: a file that commands write and the supervisor reads."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING

from limpet.appliance.guest.contract import STORE
from limpet.guest.steps import MakeFolder, Write
from limpet.host.facts.reading import bytes_of

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.guest.steps import Step
    from limpet.host.ports import Files

WANTED = "wanted.json"
VERSION = 1
DISABLED = "an operator has disabled the guest shell"
"""What is reported meanwhile."""
_LARGEST = 4096
_FILE = STORE / WANTED


class Wanted(Enum):
    """ENABLED: it runs, and is started again whatever happens. DISABLED: it does not run; its content is kept."""

    ENABLED = "enabled"
    DISABLED = "disabled"


def wanted(files: Files, *, store: Path = STORE) -> Wanted:
    """What is wanted; a guest shell that nobody has said anything about is."""
    content = bytes_of(files, _FILE if store is STORE else store / WANTED, at_most=_LARGEST)
    if content is None:
        return Wanted.ENABLED
    try:
        return Wanted(json.loads(content)["state"])
    except (ValueError, KeyError, TypeError):
        return Wanted.ENABLED


def noting(state: Wanted, *, store: Path = STORE) -> tuple[Step, ...]:
    """The steps that make it known."""
    content = json.dumps({"version": VERSION, "state": state.value}) + "\n"
    return (MakeFolder(store, mode=0o700), Write(store / WANTED, content.encode("ascii")))
