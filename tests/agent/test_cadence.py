from __future__ import annotations

from collections import Counter

import pytest

from limpet.agent.cadence import Announcer, Ask, Cadence

PEERS_REQUESTS = 28


def minute(cadence: Cadence, start: float = 1000.0) -> tuple[Counter[Ask], dict[Ask, float]]:
    """The polls of one idle minute, and the longest time each service was not asked."""
    now, asked, last, longest = (
        start,
        Counter[Ask](),
        {Ask.WIRE_SERVER: start, Ask.HOST_PLUGIN: start},
        Counter[Ask](),
    )
    while now < start + 60:
        ask = cadence.ask(now)
        cadence = cadence.asked(ask, now)
        for service in (Ask.WIRE_SERVER, Ask.HOST_PLUGIN):
            if ask in {service, Ask.BOTH}:
                asked[service] += 1
                longest[service] = max(longest[service], int((now - last[service]) * 1000))
                last[service] = now
        now += cadence.wait(now)
    return asked, {service: longest[service] / 1000 for service in longest}


@pytest.mark.parametrize("announcer", Announcer)
def test_an_idle_vm_asks_less_often_than_the_peer(announcer: Announcer) -> None:
    asked, _ = minute(Cadence(announcer=announcer, wire_server_asked=990.0))
    assert asked.total() <= PEERS_REQUESTS - 4  # room for a report and the health of the host's services


@pytest.mark.parametrize("announcer", [Announcer.UNKNOWN, Announcer.NEITHER])
def test_without_an_announcer_both_services_are_asked_within_the_period(announcer: Announcer) -> None:
    _, longest = minute(Cadence(announcer=announcer, wire_server_asked=990.0))
    assert max(longest.values()) <= 6.0


def test_the_announcer_is_asked_twice_as_often_and_the_other_one_still_now_and_then() -> None:
    asked, longest = minute(Cadence(announcer=Announcer.HOST_PLUGIN, wire_server_asked=1000.0))
    assert longest[Ask.HOST_PLUGIN] <= 3.0
    assert 1 <= asked[Ask.WIRE_SERVER] <= 3


def test_a_host_plugin_without_settings_is_left_alone() -> None:
    asked, _ = minute(Cadence(announcer=Announcer.WIRE_SERVER))
    assert asked[Ask.HOST_PLUGIN] == 0


def test_after_a_change_polls_are_close_together_for_a_while() -> None:
    cadence = Cadence().changed(100.0)
    assert cadence.wait(110.0) == cadence.burst_period
    assert cadence.ask(110.0) is Ask.BOTH
    assert cadence.wait(100.0 + cadence.burst) == cadence.step


def test_a_service_that_was_seen_to_miss_a_change_is_never_trusted_again() -> None:
    cadence = (
        Cadence(announcer=Announcer.HOST_PLUGIN).learned(Announcer.NEITHER).learned(Announcer.HOST_PLUGIN)
    )
    assert cadence.announcer is Announcer.NEITHER
