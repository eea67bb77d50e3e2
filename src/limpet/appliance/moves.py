"""A move: something that a handover does, together with its opposite, as a value that can be shown, counted and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limpet.guest.steps import Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """name: short, unique in a handover, such as ``claim eth0``. purpose: as a person says it ("give eth0 to the network OS").

    back: takes it back, whatever of `forward` has happened: a step whose object is not there must do no harm, and so they are
    planned anew from what is seen then (`NetworkOs.release`); these are for showing and for a plan's dry run.
    """

    name: str
    purpose: str
    forward: tuple[Step, ...]
    back: tuple[Step, ...]

    def describe(self) -> str:
        """Its lines for people, forward and back."""
        lines = [f"{self.name}: {self.purpose}"]
        lines += [f"  {step.describe()}" for step in self.forward]
        lines += [f"  back: {step.describe()}" for step in self.back]
        return "\n".join(lines)
