"""How a boot stage ended: for people, for programs, and as an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.model.redact import redacted

if TYPE_CHECKING:
    from limpet.guest.steps import Outcome

READY = "ready"
FAILED = "failed"
UNREPORTED = "unreported"
LEFT = "left"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How it ended.

    state: ``ready`` (all is in place and the fabric knows), ``unreported`` (all is in place, the fabric could not be told),
    ``failed``, or ``left`` (somebody else provisions this VM).
    why: one sentence. source: where the wish came from. outcomes: of every task, in the order in which they ended.
    reported: what the fabric accepted from this boot stage, in order. seconds: how long it took.
    """

    state: str
    why: str
    standing: str
    vm_id: str | None = None
    source: str | None = None
    endpoint: str | None = None
    interface: str | None = None
    outcomes: tuple[Outcome, ...] = ()
    reported: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 when the machine is as it should be."""
        failed = any(outcome.failed and outcome.task.required for outcome in self.outcomes)
        return 0 if self.state in {READY, LEFT} and not failed else 1


def as_document(result: Result) -> dict[str, Any]:
    """For programs."""
    return {
        "state": result.state,
        "why": result.why,
        "vmId": result.vm_id,
        "standing": result.standing,
        "source": result.source,
        "network": {"endpoint": result.endpoint, "interface": result.interface},
        "tasks": [
            {
                "name": outcome.task.name,
                "purpose": outcome.task.purpose,
                "state": outcome.state,
                "step": None if outcome.step is None else redacted(outcome.step),
                "problem": None if outcome.problem is None else redacted(outcome.problem),
                "advice": outcome.task.advice if outcome.failed else None,
                "required": outcome.task.required,
                "seconds": round(outcome.seconds, 3),
            }
            for outcome in result.outcomes
        ],
        "reported": list(result.reported),
        "notes": list(result.notes),
        "seconds": round(result.seconds, 3),
    }


def as_text(result: Result) -> str:
    """For people."""
    lines = [f"{result.state}: {result.why}"]
    facts = {
        "VM": f"{result.vm_id or 'without an id'}, {result.standing}",
        "asked by": result.source,
        "fabric": f"{result.endpoint} by {result.interface or 'a way that was there'}"
        if result.endpoint
        else None,
        "reported": ", ".join(result.reported) or "nothing",
    }
    lines += [f"  {name:<9} {value}" for name, value in facts.items() if value]
    for outcome in result.outcomes:
        mark = {"done": "+", "unchanged": "=", "failed": "!", "skipped": "-"}[outcome.state]
        lines.append(f"  {mark} {outcome.describe()}")
    lines += [f"  note: {note}" for note in result.notes]
    return "\n".join(map(_plain, lines)) + "\n"


def _plain(line: str) -> str:
    """What a terminal shows and does not obey: programs and documents from outside are quoted here."""
    shown = redacted(line)
    if shown.isprintable():
        return shown
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in shown)
