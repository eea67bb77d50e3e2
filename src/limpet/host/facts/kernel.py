"""What the running kernel is like: time limits of disks, entropy of the firmware, modules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.entropy import EntropyFacts
from limpet.guest.modules import ModuleFacts
from limpet.host.facts.reading import bytes_of, is_there, names_in, text_of
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.host.ports import Commands, Files, Kernel

BLOCK = Path("/sys/block")
OEM0 = Path("/sys/firmware/acpi/tables/OEM0")
_TABLE_LIMIT = 64 * 1024
_LIST_LIMIT = 8 * 1024 * 1024
_SCSI = re.compile(r"sd[a-z]+\Z")


def scsi_timeouts(files: Files) -> dict[str, int]:
    """Seconds, by the name of each SCSI disk that is there now."""
    found = {
        name: text_of(files, BLOCK / name / "device" / "timeout")
        for name in names_in(files, BLOCK)
        if _SCSI.match(name)
    }
    return {name: int(text) for name, text in found.items() if text and text.isdecimal()}


def entropy(files: Files, mark: Path) -> EntropyFacts:
    """The firmware's table, unless it was credited in this boot. mark: see plan_entropy."""
    if is_there(files, mark):
        return EntropyFacts(credited=True)
    table = bytes_of(files, OEM0, at_most=_TABLE_LIMIT)
    return EntropyFacts(table=None if table is None else Secret(table))


def modules(files: Files, commands: Commands, kernel: Kernel, asked: Iterable[str]) -> ModuleFacts:
    """Which of the modules asked for are there, and which could be."""
    asked = tuple(asked)
    folder = Path("/lib/modules", kernel.release())
    present = {name for name in asked if is_there(files, Path("/sys/module", name))}
    if len(present) < len(asked):
        present |= set(asked) & _listed(files, folder / "modules.builtin")
    loadable = set() if len(present) == len(asked) else set(asked) & _listed(files, folder / "modules.dep")
    return ModuleFacts(
        present=frozenset(present),
        loadable=frozenset(loadable - present),
        modprobe=commands.exists("modprobe"),
    )


def _listed(files: Files, path: Path) -> set[str]:
    """Names of modules: each line begins with a path, such as ``kernel/fs/udf/udf.ko.xz: kernel/lib/crc-itu-t.ko.xz``."""
    text = text_of(files, path, at_most=_LIST_LIMIT) or ""
    files_named = (line.partition(":")[0].rpartition("/")[2] for line in text.splitlines())
    return {name.partition(".ko")[0].replace("-", "_") for name in files_named}
