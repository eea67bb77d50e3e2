"""What is done from time to time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import PLUGIN, WIRE

from limpet.agent.chores import UNHEALTHY_AFTER, Chore, Chores, HostHealth
from limpet.agent.fabric import Fabric
from limpet.host.fake import FakeMachine, nobody
from limpet.model.errors import FabricUnreachable, HostError
from limpet.wire.healthservice import parse_observations
from limpet.wire.http import Response

if TYPE_CHECKING:
    from limpet.wire.http import Request


def test_each_chore_has_its_first_time_and_its_period() -> None:
    fake = FakeMachine()
    times: dict[str, list[float]] = {"a": [], "b": []}
    start = fake.clock.monotonic()

    def note(name: str) -> None:
        times[name].append(fake.clock.monotonic() - start)

    chores = Chores(
        [Chore(do=lambda: note("a"), period=60, first=15), Chore(do=lambda: note("b"), period=100, first=30)],
        fake.clock,
        fake.log,
    )
    while fake.clock.monotonic() - start < 200:
        fake.clock.sleep(chores.do())
    assert times == {"a": [15, 75, 135, 195], "b": [30, 130]}


@pytest.mark.parametrize("error", [HostError("disk"), FabricUnreachable("fabric")])
def test_a_chore_that_fails_is_done_again_and_keeps_none_from_being_done(error: Exception) -> None:
    fake = FakeMachine()
    done = []

    def fail() -> None:
        done.append("fail")
        raise error

    chores = Chores(
        [Chore(do=fail, period=10, first=0), Chore(do=lambda: done.append("other"), period=10, first=0)],
        fake.clock,
        fake.log,
    )
    for _ in range(2):
        fake.clock.sleep(chores.do())
    assert done == ["fail", "other", "fail", "other"][: len(done)]
    assert len(fake.log.of("chore.failed")) >= 1


def test_a_host_plugin_is_called_unhealthy_when_it_was_silent_for_long() -> None:
    fake = FakeMachine()
    told: list[bool] = []
    alive = True

    def serve(request: Request) -> Response:
        if request.url.endswith("/health") and not alive:
            return nobody(request)
        if request.url.endswith("/HealthService"):
            told.extend(seen.healthy for seen in parse_observations(request.body))
        return Response(status=200)

    fake.http.served = serve
    health = HostHealth(
        Fabric(fake.http, fake.clock, fake.chance, wire_server=WIRE, host_plugin=PLUGIN), fake.clock
    )
    health.observe()
    alive = False
    for _ in range(3):
        fake.clock.sleep(UNHEALTHY_AFTER / 2)
        health.observe()
    alive = True
    health.observe()
    assert told == [True, True, False, False, True]
