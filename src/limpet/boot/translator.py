"""The port by which the boot stage gives custom data to a network OS, which makes its day-0 configuration of it.

A plain VM has none, a setting may name a vendor's program, and the appliance brings its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from limpet.guest.translation import plan_program

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.guest.steps import Task
    from limpet.guest.translation import DayZero


class Translator(Protocol):
    """Plans the day-0 configuration; what it does is steps, as of every duty, so that it can be shown and begun anew.

    Only one runs at a time: the boot stage holds its lock. It is done once for each VM id: `DayZero.is_done`.
    """

    def plan(self, day_zero: DayZero) -> tuple[Task, ...]:
        """What is to be done; nothing when it is done already."""


@dataclass(frozen=True, slots=True)
class NoNetworkOs:
    """A plain Linux VM: nobody is given the custom data."""

    def plan(self, day_zero: DayZero) -> tuple[Task, ...]:
        """Nothing."""
        del day_zero
        return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslatorProgram:
    """A vendor's program. timeout: seconds."""

    program: Path
    timeout: float

    def plan(self, day_zero: DayZero) -> tuple[Task, ...]:
        """Run it."""
        return plan_program(self.program, day_zero, timeout=self.timeout)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkOsDriver:
    """The driver of the appliance's network OS, in a worker. options: the worker's, quoted. timeout: seconds."""

    options: str
    timeout: float

    def plan(self, day_zero: DayZero) -> tuple[Task, ...]:
        """Have it do what the provisioning document asks for."""
        import shlex  # noqa: PLC0415 - only appliances come here

        from limpet.guest.day_zero_request import WORKER, plan_worker  # noqa: PLC0415
        from limpet.host.worker import interpreter_command  # noqa: PLC0415

        command = tuple(interpreter_command(WORKER, *shlex.split(self.options), packed=True))
        return plan_worker(command, day_zero, timeout=self.timeout)


def translator(program: Path | None, timeout: float, options: str | None = None) -> Translator:
    """The one that the setting custom_data.translator names. options: on an appliance, those of its driver's worker."""
    if program is not None:
        return TranslatorProgram(program=program, timeout=timeout)
    return NoNetworkOs() if options is None else NetworkOsDriver(options=options, timeout=timeout)
