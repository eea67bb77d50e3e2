"""What the commands of this program say: names from a disk may hold anything, a terminal must not obey them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from limpet.guest.steps import Outcome, Task


def plain(text: str) -> str:
    """One line of what can be shown; anything else becomes an escape, as Python writes it."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def say(text: str = "") -> None:
    """A line for people."""
    sys.stdout.write(f"{plain(redacted(text))}\n")
    sys.stdout.flush()


def say_json(document: object) -> None:
    """The answer for programs."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def planned(tasks: Iterable[Task]) -> list[dict[str, Any]]:
    """A plan for programs."""
    return [
        {
            "task": task.name,
            "purpose": task.purpose,
            "steps": [redacted(step.describe()) for step in task.steps],
            "problem": task.problem,
        }
        for task in tasks
    ]


def say_plan(tasks: Iterable[Task]) -> None:
    """A plan for people."""
    for task in tasks:
        for step in task.steps:
            say(f"  {step.describe()}")
        if task.problem is not None:
            say(f"  cannot {task.purpose}: {task.problem}. {task.advice}".rstrip())


def ended(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """How the tasks ended, for programs."""
    return [
        {
            "task": outcome.task.name,
            "purpose": outcome.task.purpose,
            "state": outcome.state,
            "step": None if outcome.step is None else redacted(outcome.step),
            "problem": None if outcome.problem is None else redacted(outcome.problem),
            "advice": outcome.task.advice or None,
        }
        for outcome in outcomes
    ]


def say_outcome(outcome: Outcome) -> None:
    """How one task ended, for people, as it happens."""
    say(outcome.describe() if outcome.failed else f"done: {outcome.task.purpose}")
