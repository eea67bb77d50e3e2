"""Golden records: what makes two conversations the same, and what does not."""

from __future__ import annotations

from typing import Any

from tests.system.conversation import BACKGROUND, difference, record
from tests.system.life import CLIENTS

BEGAN = {"start": 0.0, "install": 10.0}


def request(at: float, endpoint: str, *headers: tuple[str, str], target: str = "/x") -> dict[str, Any]:
    return {
        "at": at,
        "service": "wire-server",
        "endpoint": endpoint,
        "method": "GET",
        "target": target,
        "headers": [list(header) for header in headers],
        "status": 200,
    }


def test_it_does_not_matter_how_often_was_polled() -> None:
    once = [request(1, "goal-state"), request(2, "status", target="/status")]
    often = [*once, request(3, "goal-state"), request(4, "status", target="/status")]
    assert record(once, BEGAN) == record(often, BEGAN)


def test_the_order_of_first_occurrences_matters() -> None:
    there = [request(1, "goal-state"), request(2, "status", target="/status")]
    back = [request(1, "status", target="/status"), request(2, "goal-state")]
    assert record(there, BEGAN) != record(back, BEGAN)


def test_the_order_of_other_threads_does_not_matter() -> None:
    endpoint = min(BACKGROUND)
    before = [request(1, endpoint, target="/other"), request(2, "goal-state")]
    after = [request(1, "goal-state"), request(12, endpoint, target="/other")]
    assert record(before, BEGAN) == record(after, BEGAN)


def test_a_poll_that_found_nothing_new_may_come_at_any_time() -> None:
    nothing = {**request(5, "vm-settings", target="/vmSettings"), "status": 304}
    before, after = [nothing, request(11, "goal-state")], [request(11, "goal-state"), {**nothing, "at": 12}]
    assert record(before, BEGAN) == record(after, BEGAN)
    assert record(before, BEGAN)["at any time"] == ["GET wire-server /vmSettings → 304"]


def test_a_request_belongs_to_the_step_in_which_it_came() -> None:
    found = record([request(9.9, "goal-state"), request(10, "goal-state")], BEGAN)
    assert found["order"] == {"start": ["GET wire-server /x → 200"], "install": ["GET wire-server /x → 200"]}


def test_another_order_of_headers_is_another_record() -> None:
    one = [request(1, "goal-state", ("Host", "a"), ("Accept", "b"))]
    other = [request(1, "goal-state", ("Accept", "b"), ("Host", "a"))]
    assert record(one, BEGAN) != record(other, BEGAN)


def test_names_of_one_run_are_taken_out() -> None:
    found = record(
        [
            request(
                1,
                "goal-state",
                ("Content-Length", "439"),
                ("x-ms-version", "2012-11-30"),
                ("User-Agent", "WALinuxAgent/2.7.3.0"),
                ("if-none-match", "12553316494359726575"),
                target="/machine/ff39a9e3-0597-5206-8628-84af82b48b4d/cc3c88e1%2D24f1%2D5acc%2D9609%2D081d318eaf55.x?incarnation=7",
            )
        ],
        BEGAN,
    )
    [(line, [headers])] = found["headers"].items()
    assert line == "GET wire-server /machine/<guid>/<guid>.x?incarnation=<number> → 200"
    assert headers == [
        "Content-Length: <size>",
        "x-ms-version: 2012-11-30",
        "User-Agent: WALinuxAgent/<version>",
        "if-none-match: <number>",
    ]


def test_a_difference_shows_what_is_new_and_what_is_missing() -> None:
    shown = difference(CLIENTS[0].name, record([request(1, "goal-state")], BEGAN))
    assert "\n+" in shown
    assert "\n-" in shown
