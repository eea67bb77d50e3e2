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

    from limpet.guest.modules import Driver
    from limpet.host.ports import Commands, Files, Kernel

BLOCK = Path("/sys/block")
OEM0 = Path("/sys/firmware/acpi/tables/OEM0")
BUSES = Path("/sys/bus")
_LOADED = Path("/sys/module")
_CLOSED = Path("/proc/sys/kernel/modules_disabled")
_MOST = 1024
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


def without_driver(files: Files, drivers: Iterable[Driver]) -> frozenset[str]:
    """The modules among these that are not there, and for which a device waits. Mostly all are there: that is seen at once."""
    return frozenset(
        driver.module
        for driver in drivers
        if not is_there(files, _LOADED / driver.module) and _waits(files, driver)
    )


def _waits(files: Files, driver: Driver) -> bool:
    devices = BUSES / driver.bus / "devices"
    return any(
        not is_there(files, devices / name / "driver")
        and all(
            (text_of(files, devices / name / file) or "").lower().startswith(begin)
            for file, begin in driver.signs.items()
        )
        for name in names_in(files, devices)[:_MOST]
    )


def modules(files: Files, commands: Commands, kernel: Kernel, asked: Iterable[str]) -> ModuleFacts:
    """Which of the modules asked for are there, and which could be."""
    asked = tuple(asked)
    folder = Path("/lib/modules", kernel.release())
    present = {name for name in asked if is_there(files, _LOADED / name)}
    if len(present) < len(asked):
        present |= set(asked) & _listed(files, folder / "modules.builtin")
    closed = len(present) == len(asked) or text_of(files, _CLOSED) == "1"
    loadable = set() if closed else set(asked) & _listed(files, folder / "modules.dep")
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
