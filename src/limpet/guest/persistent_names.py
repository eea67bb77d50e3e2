"""Moves away udev's rules that bind a NIC's name to its address: a VM that moves has new addresses. Source: guest-setup.md §B.6."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.steps import MakeFolder, Remove, Task, Write

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES = (
    Path("/lib/udev/rules.d/75-persistent-net-generator.rules"),
    Path("/etc/udev/rules.d/70-persistent-net.rules"),
)
LARGEST = 256 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class PersistentNameFacts:
    """rules: the files in place, with their content; kept: the copies in the library, by base name."""

    rules: Mapping[Path, bytes]
    kept: Mapping[str, bytes]


def plan_removal(facts: PersistentNameFacts, library: Path) -> Task:
    """Move the rules into the library, each over an earlier copy. A copy is complete before its rule goes."""
    steps: list[MakeFolder | Write | Remove] = []
    for path, content in facts.rules.items():
        if facts.kept.get(path.name) != content:
            steps += [
                MakeFolder(path=library, mode=0o700),
                Write(path=library / path.name, content=content),
            ]
        steps.append(Remove(path=path))
    return Task(
        name="persistent-names",
        purpose="move udev's persistent names of NICs out of the way",
        steps=tuple(steps),
        required=False,
        advice="Remove the files by hand, or a moved VM finds its NIC under another name.",
    )


def plan_return(facts: PersistentNameFacts, library: Path) -> Task:
    """Put back what was moved; a rule that is in place again meanwhile stays as it is."""
    steps: list[MakeFolder | Write | Remove] = []
    for path in RULES:
        content = facts.kept.get(path.name)
        if content is None:
            continue
        if path not in facts.rules:
            steps += [MakeFolder(path=path.parent), Write(path=path, content=content)]
        steps.append(Remove(path=library / path.name))
    return Task(
        name="persistent-names",
        purpose="give udev its persistent names of NICs back",
        steps=tuple(steps),
        required=False,
    )
