from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from limpet.lab.bench.agent_run import PERIOD, Plan, handlers, succeeded, unaligned


def report(*entries: tuple[str, int, str]) -> dict[str, Any]:
    return {
        "status": {
            "handlers": [
                {"name": name, "settings": {"sequenceNumber": sequence, "status": {"status": word}}}
                for name, sequence, word in entries
            ]
        }
    }


def test_success_needs_every_handler_with_these_settings_or_later_ones() -> None:
    both = report(("a", 1, "success"), ("b", 2, "success"))
    assert succeeded(both, ["a", "b"], 1)
    assert not succeeded(both, ["a", "b"], 2)
    assert not succeeded(both, ["a", "b", "c"], 1)
    assert not succeeded(report(("a", 1, "transitioning")), ["a"], 1)


def test_a_report_that_cannot_be_read_or_has_no_settings_is_no_success() -> None:
    assert not succeeded({"status": None}, ["a"], 0)
    assert not succeeded({"status": {"handlers": [{"name": "a", "settings": None}]}}, ["a"], 0)


def test_hosted_names_are_distinct() -> None:
    assert len(set(handlers(50))) == 50


@given(st.integers(min_value=4, max_value=30))
def test_publications_are_spread_evenly_over_a_period(count: int) -> None:
    times = sorted(unaligned(number) for number in range(count))
    gaps = [after - before for before, after in zip(times, [*times[1:], times[0] + PERIOD], strict=True)]
    assert all(0 <= time < PERIOD for time in times)
    assert max(gaps) < 2.7 * PERIOD / count


def test_a_figure_that_has_taken_its_time_is_not_repeated() -> None:
    assert list(Plan(rounds=4, patience=0).repetitions()) == [0]
    assert list(Plan(rounds=4, patience=3600).repetitions()) == [0, 1, 2, 3]
