from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from limpet.lab.timeline.moments import Merger, Moment, Who, milliseconds


def moment(at: float, who: Who = Who.AGENT) -> Moment:
    return Moment(at=at, who=who, what=f"does something at {at}", kind="something")


def test_a_moment_is_held_before_it_is_given() -> None:
    merger = Merger(hold=0.5)
    merger.add(moment(10.0), arrived=100.0)
    assert merger.due(100.4) == []
    assert merger.due(100.5) == [moment(10.0)]
    assert merger.due(200.0) == []


def test_an_earlier_moment_of_a_slower_source_goes_first() -> None:
    merger = Merger(hold=0.5)
    merger.add(moment(10.2, Who.FABRIC), arrived=100.0)
    merger.add(moment(10.1, Who.AGENT), arrived=100.4)
    assert [each.at for each in merger.due(100.5)] == [10.1, 10.2]


def test_a_later_moment_is_not_given_with_an_earlier_one() -> None:
    merger = Merger(hold=0.5)
    merger.add(moment(10.1), arrived=100.0)
    merger.add(moment(10.2), arrived=100.4)
    assert [each.at for each in merger.due(100.5)] == [10.1]
    assert [each.at for each in merger.due(100.9)] == [10.2]


def test_what_is_given_back_is_due_at_once_and_in_order() -> None:
    merger = Merger(hold=0.5)
    merger.add(moment(10.1), arrived=100.0)
    merger.give_back([moment(10.3), moment(10.2)])
    assert [each.at for each in merger.due(100.1)] == [10.1, 10.2, 10.3]
    assert merger.rest() == []


def test_what_comes_too_late_is_given_all_the_same() -> None:
    merger = Merger(hold=0.5)
    merger.add(moment(10.2), arrived=100.0)
    assert merger.due(101.0)
    merger.add(moment(10.1), arrived=101.0)
    assert [each.at for each in merger.due(101.5)] == [10.1]


def test_moments_of_one_time_keep_the_order_in_which_they_came() -> None:
    merger = Merger()
    first, second = moment(10.0, Who.FABRIC), moment(10.0, Who.AGENT)
    merger.add(first, arrived=1.0)
    merger.add(second, arrived=1.0)
    assert merger.rest() == [first, second]


@given(
    st.lists(
        st.tuples(st.floats(min_value=0, max_value=100), st.floats(min_value=0, max_value=0.5)), max_size=30
    )
)
def test_moments_that_are_late_by_less_than_the_hold_come_out_in_order(
    arrivals: list[tuple[float, float]],
) -> None:
    merger = Merger(hold=0.5)
    given_out = []
    for arrived, at in sorted((at + late, at) for at, late in arrivals):
        given_out += merger.due(arrived)
        merger.add(moment(at), arrived=arrived)
    given_out += merger.rest()
    assert [each.at for each in given_out] == sorted(at for at, _ in arrivals)


def test_milliseconds_are_rounded_and_absent_before_their_zero() -> None:
    assert milliseconds(10.0126, 10.0) == 13
    assert milliseconds(10.0, 10.0) == 0
    assert milliseconds(9.9, 10.0) is None
    assert milliseconds(10.0, None) is None
