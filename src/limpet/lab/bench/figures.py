"""What is measured, in which unit, against which budget, and what came out: values, and nothing that runs."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START_BUDGETS = {1: 0.4, 10: 0.8}
CHANGE_BUDGETS = {1: 1.2, 10: 1.5}


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One thing that is measured; less is better in all of them.

    key: for programs. what: for people. budget: what our agent must not exceed; None where there is none.
    digits: behind the point.
    """

    key: str
    what: str
    unit: str
    budget: float | None = None
    digits: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """What was measured of one figure, in order; at least one value."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value that stands for all."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the most."""
        return min(self.values), max(self.values)


def start(count: int) -> Figure:
    """From the process's start to the acceptance of the report in which every extension succeeded."""
    return Figure(
        key=f"start/{count}",
        what=f"start → first success, {_extensions(count)}",
        unit="s",
        budget=START_BUDGETS.get(count),
    )


def first_requests(count: int) -> Figure:
    """How many requests that took."""
    return Figure(
        key=f"first-requests/{count}",
        what=f"requests to the first success, {_extensions(count)}",
        unit="",
        digits=0,
    )


def change(count: int) -> Figure:
    """From the publication of new settings to the acceptance of the report in which every extension has succeeded."""
    return Figure(
        key=f"change/{count}",
        what=f"new goal state → success, {_extensions(count)}",
        unit="s",
        budget=CHANGE_BUDGETS.get(count),
    )


def change_after(rest: float) -> Figure:
    """The same for one extension, when nothing has happened for `rest` seconds."""
    return Figure(
        key="change-after-rest/1",
        what=f"new goal state → success after {rest:g} s of idleness, 1 extension",
        unit="s",
        budget=CHANGE_BUDGETS[1],
    )


MEMORY = Figure(
    key="idle/memory", what="memory of all its processes (PSS), idle", unit="MB", budget=14, digits=1
)
PROCESSES = Figure(key="idle/processes", what="processes, idle", unit="", digits=0)
CPU = Figure(key="idle/cpu", what="CPU per idle minute", unit="s", budget=0.03, digits=3)
REQUESTS = Figure(key="idle/requests", what="requests per idle minute", unit="", budget=28, digits=0)


def figures(counts: Sequence[int], rest: float) -> tuple[Figure, ...]:
    """Every figure there can be, in the order of the table."""
    return (
        *(start(count) for count in counts),
        *(change(count) for count in counts),
        change_after(rest),
        MEMORY,
        CPU,
        REQUESTS,
        PROCESSES,
        *(first_requests(count) for count in counts),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a run found. facts: of the machine and the run. agents: by name, ours first; each with its series by key."""

    facts: Mapping[str, str]
    figures: tuple[Figure, ...]
    agents: Mapping[str, Mapping[str, Series]]

    def complete(self, keys: Sequence[str]) -> bool:
        """Whether each of these figures was measured of two agents."""
        return len(self.agents) > 1 and all(set(keys) <= set(series) for series in self.agents.values())

    def rows(self) -> list[tuple[Figure, list[Series | None]]]:
        """Figures of which something was measured, with a series for each agent."""
        rows = [
            (figure, [series.get(figure.key) for series in self.agents.values()]) for figure in self.figures
        ]
        return [(figure, found) for figure, found in rows if any(found)]


def ratios(found: Sequence[Series | None]) -> tuple[float | None, ...]:
    """How many times each peer's is ours, which is the first; None where one is missing, or when ours is nothing."""
    ours, *peers = found
    if ours is None or ours.median <= 0:
        return (None,) * len(peers)
    return tuple(None if peer is None else peer.median / ours.median for peer in peers)


def met(figure: Figure, ours: Series | None) -> bool | None:
    """Whether our median is within the budget; None when there is no budget or no value."""
    return None if figure.budget is None or ours is None else ours.median <= figure.budget


def _extensions(count: int) -> str:
    return f"{count} extension" if count == 1 else f"{count} extensions"
