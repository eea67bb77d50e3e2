"""The table of states as docs/appliance.md has it: made from the table, and held to it by a test."""

from __future__ import annotations

from limpet.appliance.states import AFTER_A_CRASH, AFTER_A_START, TABLE, State


def diagram() -> str:
    """A state diagram for mermaid."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> booting"]
    lines += [
        f"    {_id(before)} --> {_id(after)}: {event.value}" for (before, event), after in TABLE.items()
    ]
    return "\n".join([*lines, "```"])


def words() -> str:
    """What each state means, and where a supervisor begins again by it."""
    lines = [
        "| state | what it means | after the machine was started anew | after the supervisor alone was |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{state.value}` | {state.words} | `{AFTER_A_START[state].value}` | `{AFTER_A_CRASH[state].value}` |"
        for state in State
        if state in AFTER_A_START
    ]
    return "\n".join(lines)


def _id(state: State) -> str:
    return state.value.replace("-", "_")
