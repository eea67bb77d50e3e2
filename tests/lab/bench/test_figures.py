from __future__ import annotations

import pytest

from limpet.lab.bench import figures
from limpet.lab.bench.figures import Figure, Outcome, Series, met, ratios

TIME = Figure(key="time", what="time", unit="s", budget=0.4)
FREE = Figure(key="free", what="free", unit="")


def series(*values: float) -> Series:
    return Series(values=values)


def test_a_series_is_told_by_its_median_and_its_edges() -> None:
    found = series(0.5, 0.2, 0.3)
    assert found.median == 0.3
    assert found.spread == (0.2, 0.5)


@pytest.mark.parametrize(
    ("found", "factors"),
    [
        ([series(2.0), series(8.0)], (4.0,)),
        ([series(2.0), series(8.0), series(1.0)], (4.0, 0.5)),
        ([series(2.0), None, series(1.0)], (None, 0.5)),
        ([None, series(2.0)], (None,)),
        ([series(2.0)], ()),
        ([series(0.0), series(2.0)], (None,)),
    ],
)
def test_a_ratio_needs_both_agents(found: list[Series | None], factors: tuple[float | None, ...]) -> None:
    assert ratios(found) == factors


@pytest.mark.parametrize(
    ("figure", "ours", "verdict"),
    [
        (TIME, series(0.4), True),
        (TIME, series(0.1, 0.41, 0.5), False),
        (TIME, None, None),
        (FREE, series(1.0), None),
    ],
)
def test_a_budget_is_met_by_the_median(figure: Figure, ours: Series | None, verdict: bool | None) -> None:
    assert met(figure, ours) is verdict


def test_keys_of_figures_are_unique() -> None:
    keys = [figure.key for figure in figures.figures((1, 10, 50), 90)]
    assert len(set(keys)) == len(keys)


def test_what_was_not_measured_has_no_row() -> None:
    outcome = Outcome(facts={}, figures=(TIME, FREE), agents={"a": {"free": series(1)}, "b": {}})
    assert outcome.rows() == [(FREE, [series(1), None])]


def test_a_page_needs_every_figure_of_both_agents() -> None:
    one, other = {"time": series(1), "free": series(2)}, {"time": series(1)}
    figures_of_both = (TIME, FREE)
    assert Outcome(facts={}, figures=figures_of_both, agents={"a": one, "b": one}).complete(["time", "free"])
    assert not Outcome(facts={}, figures=figures_of_both, agents={"a": one, "b": other}).complete(
        ["time", "free"]
    )
    assert not Outcome(facts={}, figures=figures_of_both, agents={"a": one}).complete(["time"])
