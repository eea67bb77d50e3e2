"""The platform's entropy, an ACPI table that it fills anew at each start, given to the kernel. Source: guest-setup.md §C.3.

What is in the table behind its header is random by the hypervisor's promise, and credited so, 8 bits a byte. The header is
not, and is left out. Once in a boot is enough: the same bytes are not worth anything a second time.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.steps import Credit, MakeFolder, Task, Write
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

NAME = "entropy"
LONGEST = 4096
"""Most bytes that are credited: the kernel's pool is full long before."""
_HEADER = struct.Struct("<4sI28x")
_PURPOSE = "give the kernel the platform's entropy"


@dataclass(frozen=True, kw_only=True, slots=True)
class EntropyFacts:
    """table: OEM0 as it is; None where the firmware has none. credited: whether that was done since the kernel started."""

    table: Secret[bytes] | None = None
    credited: bool = False


def plan_entropy(facts: EntropyFacts, mark: Path) -> Task:
    """Credit the table once in a boot. mark: a file below /run that says it was done, which a restart takes away."""
    steps: tuple[Credit | MakeFolder | Write, ...] = ()
    problem = None
    if facts.table is not None and not facts.credited:
        content = facts.table.reveal()
        problem = _unusable(content)
        random = content[_HEADER.size :][:LONGEST]
        # Newer kernels take the table at their start and leave zeros.
        if problem is None and len(set(random)) > 1:
            steps = (Credit(Secret(random)), MakeFolder(mark.parent), Write(mark, b"", mode=0o600))
    advice = "Nothing needs to be done: the kernel has other sources."
    return Task(name=NAME, purpose=_PURPOSE, steps=steps, problem=problem, advice=advice, required=False)


def _unusable(content: bytes) -> str | None:
    if len(content) < _HEADER.size:
        return "the ACPI table OEM0 is cut short"
    name, length = _HEADER.unpack_from(content)
    if name != b"OEM0" or length != len(content):
        return "the ACPI table OEM0 is not one"
    return None
