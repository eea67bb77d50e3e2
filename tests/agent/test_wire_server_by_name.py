"""A wire server that the configuration gives by name: it is asked directly all the same, and never by way of a proxy."""

from __future__ import annotations

from tests.agent.parts import machine_goal_state

from limpet.agent.fabric import Fabric
from limpet.host.fake import FakeMachine
from limpet.model.ids import Url
from limpet.wire.goalstate import render_goal_state
from limpet.wire.http import Response

WIRE = "wire.example:80"


def test_a_wire_server_that_is_set_by_name_is_asked_directly() -> None:
    answer = Response(status=200, body=render_goal_state(machine_goal_state()))
    fake = FakeMachine(fabric=lambda _: answer, storage=lambda _: answer)
    fabric = Fabric(
        fake.http,
        fake.clock,
        fake.chance,
        wire_server=WIRE,
        host_plugin="wire.example:32526",
        elsewhere=fake.fetcher,
    )
    fabric.goal_state()
    fabric.document(Url(f"http://{WIRE}/machine/a/b?comp=config"), "a part")
    assert len(fake.http.requests) == 2
    assert not fake.fetcher.requests
    for other in (
        "http://wire.example:8080/x",
        "http://wire.example:80.example/x",
        "https://wire.example:80/x",
    ):
        fabric.document(Url(other), "a part")
    assert len(fake.http.requests) == 2
    assert len(fake.fetcher.requests) == 3
