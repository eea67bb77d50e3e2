"""Programs of a fake machine that behave, one module for each area: each has a mapping PROGRAMS of name to function."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limpet.host.fake_commands import FakeCommands

AREAS: tuple[str, ...] = ("accounts", "disks", "firewall", "network", "modules", "boot_loaders", "ssh")


def install(commands: FakeCommands, *areas: str) -> None:
    """Put the programs of some areas (all, when none is named) on a fake machine."""
    for area in areas or AREAS:
        commands.programs |= import_module(f"limpet.host.fake_programs.{area}").PROGRAMS
