"""What a duty is given to work with, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from limpet.guest.steps import Outcome, Task
    from limpet.host.apply import Interpreter
    from limpet.host.ports import Links, Lookout, Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Hands:
    """The machine, for duties."""

    interpreter: Interpreter
    links: Links
    lookout: Lookout
    chance: Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """did: what was changed, and what else a person should know, a line each. problem: why it failed.

    memory: what to be given the next time; the watch keeps it, as JSON has it.
    """

    did: tuple[str, ...] = ()
    problem: str | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)


def applied(tasks: Iterable[Task], hands: Hands, memory: Mapping[str, Any] | None = None) -> Result:
    """Do what was planned."""
    return told(hands.interpreter.apply(tasks), memory)


def told(outcomes: Iterable[Outcome], memory: Mapping[str, Any] | None = None) -> Result:
    """What outcomes come to."""
    outcomes = list(outcomes)
    return Result(
        did=tuple(outcome.task.purpose for outcome in outcomes if outcome.state == "done"),
        problem="; ".join(outcome.describe() for outcome in outcomes if outcome.failed) or None,
        memory=memory or {},
    )


def ipv4(text: str) -> IPv4Address | None:
    """An address; None for a host's name."""
    try:
        return IPv4Address(text)
    except ValueError:
        return None
