"""Draws docs/lifecycle.md from the lifecycle's tables: python tools/lifecycle_page.py > docs/lifecycle.md."""

from __future__ import annotations

from limpet.agent.lifecycle import COMMAND_SECONDS, OPERATIONS, UPDATES, Direction, Step, Wish
from limpet.model.manifest import HandlerState

HEAD = """\
# What is done to a handler

Drawn from the tables of `limpet.agent.lifecycle` by `tools/lifecycle_page.py`; a test keeps it up to date.
Rows are what has been done to the wanted version here, columns what the goal state wants.

"""
UPDATE_HEAD = """
## When another version is installed

These steps take the place of the first and last row's (`NotInstalled`, `FailedUpgrade`) when another version of the
handler is installed. `limpet plan` shows the steps for a real goal state.

"""
LIMITS_HEAD = """
## How long a command may take

"""


def cell(steps: tuple[Step, ...]) -> str:
    """The steps of one cell."""
    return "<br>".join(step.value for step in steps) or "nothing"


def page() -> str:
    """The whole page."""
    lines = [f"| | {' | '.join(wish.value for wish in Wish)} |", "|---" * (len(Wish) + 1) + "|"]
    lines += [
        f"| `{state.value}` | {' | '.join(cell(OPERATIONS[state, wish]) for wish in Wish)} |"
        for state in HandlerState
    ]
    wishes = [Wish.ENABLE, Wish.WITHDRAW]
    updates = [f"| | {' | '.join(wish.value for wish in wishes)} |", "|---" * (len(wishes) + 1) + "|"]
    updates += [
        f"| {direction.value} | {' | '.join(cell(UPDATES[direction, wish]) for wish in wishes)} |"
        for direction in Direction
    ]
    limits = ["| step | seconds |", "|---|---|"]
    limits += [f"| {step.value} | {seconds:g} |" for step, seconds in COMMAND_SECONDS.items()]
    return "\n".join(
        [HEAD + "\n".join(lines), UPDATE_HEAD + "\n".join(updates), LIMITS_HEAD + "\n".join(limits), ""]
    )


if __name__ == "__main__":
    print(page(), end="")
