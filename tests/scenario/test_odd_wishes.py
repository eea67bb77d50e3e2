"""Goal states that are legal and seldom: numbers that go down, levels with holes, handlers that are listed twice."""

from __future__ import annotations

import pytest
from tests.scenario.core import NAMED, Elsewhere
from tests.scenario.handlers import SAMPLE, enable, status_file
from tests.scenario.stage import Stage, stage

NAMES = ("Contoso.First", "Contoso.Second", "Contoso.Third", "Contoso.Fourth")


def test_a_sequence_number_that_goes_down_is_the_one_that_counts() -> None:
    play = stage()
    play.host()
    for number in (5, 3):
        play.publish(enable(public={"number": number}, sequence=number))
        play.turn()
        assert play.runs[-1].environment["ConfigSequenceNumber"] == str(number)
        settings = play.entry().settings
        assert settings is not None
        assert settings.sequence_number == number
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable", "Sample-1.0.0 enable"]
    # What was said of the higher number is not taken for an answer, and stays where it is.
    play.files.replace(play.folder().status / "3.status", status_file("warning"))
    play.live(10)
    assert play.state() == "warning"
    assert {"3.status", "5.status"} <= set(play.files.names(play.folder().status))
    assert {"3.settings", "5.settings"} <= set(play.files.names(play.folder().config))


def test_versions_are_numbers_so_that_nine_to_ten_is_up_and_back_is_down() -> None:
    play = stage()
    for version in ("1.9.0", "1.10.0"):
        play.host(version=version)
    play.publish(enable(version="1.9.0"))
    play.turn()
    play.runs.clear()
    play.publish(enable(version="1.10.0"))
    play.turn()
    assert [str(run) for run in play.runs if run.operation == "update"] == ["Sample-1.10.0 update"]
    play.runs.clear()
    play.publish(enable(version="1.9.0"))
    play.turn()
    (update,) = [run for run in play.runs if run.operation == "update"]
    assert (str(update), update.environment["VERSION"]) == ("Sample-1.10.0 update", "1.9.0")
    assert (play.entry().version, play.entry().status) == ("1.9.0", "Ready")


@pytest.mark.parametrize(
    ("levels", "order"),
    [
        ((9, 0, 5, 0), (1, 3, 2, 0)),
        ((1_000_000, 3, 999_999, 3), (1, 3, 2, 0)),
        ((7, 7, 7, 7), (0, 1, 2, 3)),
        ((2, 1, 0, 2), (2, 1, 0, 3)),
    ],
)
def test_levels_may_have_holes_and_equal_ones_keep_the_order_of_the_goal_state(
    levels: tuple[int, ...], order: tuple[int, ...]
) -> None:
    play = stage()
    for name in NAMES:
        play.host(name)
    play.publish(*(enable(name, dependency_level=level) for name, level in zip(NAMES, levels, strict=True)))
    play.turn()
    enabled = [run.handler.rpartition("-")[0] for run in play.runs if run.operation == "enable"]
    assert enabled == [NAMES[index] for index in order]


@pytest.mark.parametrize("working", ["failoverlocation", "additionalLocation"])
def test_a_manifest_that_is_not_at_its_first_location_is_had_from_another(working: str) -> None:
    play = stage()
    play.host()
    play.publish(enable())

    def moved(body: bytes) -> bytes:
        start, end = body.index(b' location="') + 11, body.index(b'"', body.index(b' location="') + 11)
        there = body[start:end]
        elsewhere = b"http://storage.example/nowhere.xml"
        if working == "failoverlocation":
            return body[:start] + elsewhere + b'" failoverlocation="' + there + body[end:]
        close = body.index(b"</Plugin>", end)
        more = (
            b"<additionalLocations><additionalLocation>%b</additionalLocation></additionalLocations>" % there
        )
        return body[:start] + elsewhere + body[end:close] + more + body[close:]

    play.core.alter("extensions-config", moved)
    play.turn()
    assert play.entry().status == "Ready"


def test_a_handler_that_is_listed_twice_in_the_same_words_is_installed_once_and_answered_twice() -> None:
    play = stage()
    play.host()
    play.publish(enable())

    def twice(body: bytes) -> bytes:
        start, end = body.index(b"<Plugin "), body.index(b"</Plugins>")
        return body[:end] + body[start:end] + body[end:]

    play.core.alter("extensions-config", twice)
    play.turn()
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable", "Sample-1.0.0 enable"]
    assert [entry.status for entry in play.entries()] == ["Ready", "Ready"]


def test_any_other_incarnation_is_a_new_goal_state_whatever_it_is() -> None:
    play = stage()
    play.enabled(SAMPLE)
    for incarnation in ("7", "1", "01", "abc", "-1", "0"):
        incarnated(play, incarnation)
        assert play.played == ["Sample-1.0.0 enable"], incarnation
        assert play.aggregate.svd_sequence_number == incarnation
        play.live(20)
        assert play.played == [], incarnation


def incarnated(play: Stage, incarnation: str) -> None:
    """The fabric publishes something, under another number than its own."""
    play.publish(enable())
    mark = f"<Incarnation>{incarnation}</Incarnation>".encode()

    def renamed(body: bytes) -> bytes:
        start, end = body.index(b"<Incarnation>"), body.index(b"</Incarnation>")
        return body[:start] + mark + body[end + 14 :]

    play.core.alter("goal-state", renamed)
    play.live(20)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_parts_of_a_goal_state_may_be_anywhere(scheme: str) -> None:
    play = stage()
    play.host()
    play.publish(enable())
    play.core.name_parts(scheme)
    elsewhere = Elsewhere(play.core.exchange)
    play.machine.fetcher.served = elsewhere.exchange
    play.live(20)
    assert play.entry().status == "Ready"
    assert len(elsewhere.asked) >= 3
    named = [request for request in play.machine.fetcher.requests if NAMED in request.url]
    assert named
    assert not any(request.proxied for request in named)
    assert not [request for request in play.machine.http.requests if NAMED in request.url]
