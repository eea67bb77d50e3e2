"""The agent's bundles of logs: made by a worker within limits, sent by the fetch worker, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenario.stage import stage

from limpet.agent.log_upload import PATIENCE, WORKER
from limpet.host.ports import Completed

if TYPE_CHECKING:
    from tests.scenario.stage import Stage

    from limpet.host.fake_workers import Order

BUNDLE = Path("/var/lib/waagent/logcollector/logs.zip")
HOUR = 3600.0


def playing(**config: Any) -> Stage:
    play = stage(telemetry=False, **config)
    play.machine.cgroups.mount()

    def collect(order: Order) -> bytes:
        where.append(play.machine.cgroups.where(order.process))
        play.files.make_folder(BUNDLE.parent, mode=0o700)
        play.files.replace(BUNDLE, b"PK a zip", mode=0o600)
        return json.dumps({"bytes": 8, "files": 1}).encode()

    where: list[list[Path]] = []
    play.machine.workers.programs[WORKER] = collect
    play.turn()
    return play


def live(play: Stage, seconds: float) -> None:
    end = play.clock.monotonic() + seconds
    while play.clock.monotonic() < end:
        play.clock.sleep(max(0.01, min(play.agent.chores.do(), end - play.clock.monotonic())))


def uploads(play: Stage) -> list[int]:
    return [received.value.size for received in play.core.vm.inbox.logs.items]


def test_a_bundle_is_made_and_sent_after_the_delay_and_then_once_a_period() -> None:
    play = playing()
    live(play, 250)
    assert uploads(play) == []
    live(play, 100)
    assert uploads(play) == [8]
    live(play, 2 * HOUR)
    assert uploads(play) == [8, 8, 8]


def test_the_worker_is_gentle_and_in_a_group_with_little_of_the_processor() -> None:
    play = playing()
    live(play, 320)
    (order,) = [order for order in play.machine.workers.started if order.module == WORKER]
    (group,) = order.groups
    assert order.gentle
    assert group.name == "limpet-logcollector"
    assert play.machine.cgroups.read(group / "cpu.max") == "5000 100000"
    assert play.machine.cgroups.read(group / "memory.high") == str(170 * 1024 * 1024)


def test_where_there_are_no_groups_the_bundle_is_made_all_the_same() -> None:
    play = playing(limits=False)
    live(play, 320)
    assert uploads(play) == [8]


def test_the_host_plugin_gets_the_documented_headers() -> None:
    play = playing()
    live(play, 320)
    (request,) = [request for endpoint, request in play.core.asked if request.url.endswith("/vmAgentLog")]
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert request.method == "PUT"
    assert headers["x-ms-version"] == "2015-09-01"
    assert headers["x-ms-vmagentlog-deploymentid"] == play.core.vm.identity.config_name.split(".")[0]
    assert headers["x-ms-client-name"] == "WALinuxAgent"
    assert headers["x-ms-client-correlationid"]


def test_a_vm_that_was_moved_refreshes_and_sends_again() -> None:
    play = playing()
    name = next(name for name, request in play.core.asked if "goalstate" in request.url)
    play.core.fail("vm-agent-log", status=410, count=1)
    before = play.core.count(name)
    live(play, 320)
    assert uploads(play) == [8]
    assert play.core.count(name) > before


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 410}, {"refused": True}])
def test_a_host_plugin_that_fails_is_told_of_and_asked_again_an_hour_later(fault: dict[str, Any]) -> None:
    play = playing()
    play.core.fail("vm-agent-log", **fault)
    live(play, 400)
    assert uploads(play) == []
    assert len(play.log.of("logs.not_uploaded")) == 1
    play.core.heal()
    live(play, HOUR)
    assert uploads(play) == [8]


def test_a_worker_that_fails_is_told_of_and_nothing_old_is_sent() -> None:
    play = playing()
    play.files.make_folder(BUNDLE.parent)
    play.files.replace(BUNDLE, b"old")
    failed = Completed(
        exit_code=1, stdout=b"", stderr=b"limpet collect-logs: cannot write: No space left\n", seconds=1
    )
    play.machine.workers.programs[WORKER] = lambda _: failed
    live(play, 400)
    assert uploads(play) == []
    assert "No space left" in play.log.of("logs.not_collected")[0]["problem"]


def test_a_worker_that_does_not_end_is_killed_and_nobody_waits_for_it() -> None:
    play = playing()
    play.machine.workers.takes = 10 * PATIENCE
    live(play, 400)
    assert play.agent.chores.do() <= 60
    live(play, PATIENCE)
    assert "no end within" in play.log.of("logs.not_collected")[0]["problem"]
    assert uploads(play) == []


@pytest.mark.parametrize("config", [{"collect_logs": False}, {"stage": "guest-shell"}])
def test_it_can_be_switched_off(config: dict[str, Any]) -> None:
    play = playing(**config)
    live(play, HOUR)
    assert not [order for order in play.machine.workers.started if order.module == WORKER]


def test_a_worker_does_not_outlive_the_agent() -> None:
    play = playing()
    play.machine.workers.takes = HOUR
    live(play, 310)
    assert not play.machine.workers.works[-1].killed
    play.agent.close()
    assert play.machine.workers.works[-1].killed
