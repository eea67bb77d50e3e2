"""Control groups over an agent's life: handlers, the agent itself, their limits and what they have used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenario.handlers import SAMPLE, disable, enable, package, uninstall
from tests.scenario.stage import stage

from limpet.agent.limits import AGENT
from limpet.host.fake_cgroups import AGENT as AGENT_PID

if TYPE_CHECKING:
    from tests.scenario.stage import Stage

    from limpet.emulator.storage.packages import HostedPackage
    from limpet.host.fake_work import Invocation

TREE = Path("/sys/fs/cgroup")
SCOPE = TREE / "azure.slice/azure-vmextensions.slice/limpet-handlers.scope"
GROUP = f"azure-vmextensions-{SAMPLE}.slice"


def limited(version: str = "1.0.0", **limits: Any) -> HostedPackage:
    """A package whose manifest has resourceLimits beside handlerManifest."""
    return package(version=version, limits=limits or None)


def playing(*, version: int = 2, systemd: bool = True, **config: Any) -> Stage:
    play = stage(**{"collect_logs": False, "telemetry": True, **config})
    play.machine.cgroups.mount(version=version, systemd=systemd)
    return play


def text(play: Stage, path: Path) -> str | None:
    return play.machine.cgroups.read(path)


def enabled(play: Stage, hosted: HostedPackage) -> list[list[Path]]:
    """Install and enable a handler; gives where its commands were."""
    places: list[list[Path]] = []

    def part(run: Invocation) -> None:
        places.append(play.machine.cgroups.where(run.process))
        if run.command.endswith("enable"):
            play.say(run, "success")

    play.parts |= {"install": part, "enable": part, "update": part, "disable": part, "uninstall": part}
    play.core.host(hosted)
    play.publish(enable())
    play.turn()
    return places


def settle_chores(play: Stage, seconds: float = 80.0) -> None:
    end = play.clock.monotonic() + seconds
    while play.clock.monotonic() < end:
        play.clock.sleep(max(0.01, min(play.agent.chores.do(), end - play.clock.monotonic())))


def test_every_command_of_a_handler_is_in_its_group_from_the_beginning() -> None:
    play = playing()
    places = enabled(play, limited())
    assert places == [[SCOPE / GROUP]] * 2
    assert text(play, SCOPE / GROUP / "cpu.max") == "max 100000"


def test_the_limits_of_a_manifest_are_set() -> None:
    play = playing()
    enabled(play, limited(cpuQuotaPercentage=15, memoryQuotaInMB=64))
    assert text(play, SCOPE / GROUP / "cpu.max") == "15000 100000"
    assert text(play, SCOPE / GROUP / "memory.high") == str(64 * 1024 * 1024)
    assert text(play, SCOPE / GROUP / "memory.max") == "max"  # nothing is killed that runs with other agents


def test_limits_that_a_newer_manifest_does_not_have_are_taken_away() -> None:
    play = playing()
    enabled(play, limited(cpuQuotaPercentage=15, memoryQuotaInMB=64))
    play.core.host(limited("1.0.1"))
    play.publish(enable(version="1.0.1"))
    play.live(10)
    assert play.entry().version == "1.0.1"
    assert text(play, SCOPE / GROUP / "cpu.max") == "max 100000"
    assert text(play, SCOPE / GROUP / "memory.high") == "max"


def test_version_1_has_the_same_in_its_own_words() -> None:
    play = playing(version=1)
    places = enabled(play, limited(cpuQuotaPercentage=15, memoryQuotaInMB=64))
    below = SCOPE.relative_to(TREE) / GROUP
    assert places[0] == [TREE / name / below for name in ("cpu", "cpuacct", "memory")]
    assert text(play, TREE / "cpu" / below / "cpu.cfs_quota_us") == "15000"
    assert text(play, TREE / "memory" / below / "memory.soft_limit_in_bytes") == str(64 * 1024 * 1024)


def test_what_a_handler_left_running_stays_limited_and_grouped_after_the_agent_has_gone() -> None:
    play = playing()

    def enable_and_stay(run: Invocation) -> None:
        play.machine.cgroups.staying.add(run.process)
        play.say(run, "success")

    play.parts["enable"] = enable_and_stay
    play.core.host(limited(cpuQuotaPercentage=15))
    play.publish(enable())
    play.turn()
    daemon = play.runs[-1]
    assert daemon.operation == "enable"
    (process,) = play.machine.cgroups.staying
    play.agent.close()
    play.restart()
    settle_chores(play)
    assert play.machine.cgroups.where(process) == [SCOPE / GROUP]
    assert text(play, SCOPE / GROUP / "cpu.max") == "15000 100000"
    made = [call for call in play.machine.commands.ran if call.argv[0] == "systemd-run"]
    assert len(made) == 1  # the second agent found the scope


def test_the_group_of_a_handler_that_was_removed_goes() -> None:
    play = playing()
    enabled(play, limited(cpuQuotaPercentage=15))
    play.publish(uninstall())
    play.live(10)
    settle_chores(play, 301)
    assert text(play, SCOPE / GROUP / "cgroup.procs") is None


def test_the_group_of_a_removed_handler_stays_without_limits_while_something_of_it_runs() -> None:
    play = playing()

    def stay(run: Invocation) -> None:
        play.machine.cgroups.staying.add(run.process)
        play.say(run, "success")

    play.parts["enable"] = stay
    play.core.host(limited(cpuQuotaPercentage=15))
    play.publish(enable())
    play.turn()
    play.publish(uninstall())
    play.live(10)
    settle_chores(play, 301)
    assert text(play, SCOPE / GROUP / "cpu.max") == "max 100000"
    (process,) = play.machine.cgroups.staying
    play.machine.cgroups.staying.clear()
    play.machine.cgroups.end(process)
    settle_chores(play, 301)
    assert text(play, SCOPE / GROUP / "cgroup.procs") is None


def test_a_disabled_handler_keeps_its_group() -> None:
    play = playing()
    enabled(play, limited(cpuQuotaPercentage=15))
    play.publish(disable())
    play.live(10)
    settle_chores(play, 301)
    assert text(play, SCOPE / GROUP / "cpu.max") == "15000 100000"


def test_units_that_a_handler_installs_are_limited_when_it_is_enabled_and_released_when_it_goes() -> None:
    play = playing()
    play.machine.cgroups.units |= {"agentd.service": "loaded"}
    services = [
        {"name": "agentd.service", "cpuQuotaPercentage": 20},
        {"name": "absent", "cpuQuotaPercentage": 20},
        {"name": "--help", "cpuQuotaPercentage": 20},
    ]
    enabled(play, limited(services=services))
    assert "CPUQuota=20%" in play.machine.cgroups.properties["agentd.service"]
    play.publish(uninstall())
    play.live(10)
    assert "CPUQuota=" in play.machine.cgroups.properties["agentd.service"]
    assert set(play.machine.cgroups.properties) == {"agentd.service"}


def test_without_systemd_the_agent_has_a_group_of_its_own_beside_the_first_process() -> None:
    play = playing(systemd=False)
    settle_chores(play)
    assert play.machine.cgroups.where(AGENT_PID) == [TREE / "limpet" / AGENT]
    assert text(play, TREE / "limpet" / AGENT / "cpu.max") == "500000 1000000"
    assert text(play, TREE / "limpet" / AGENT / "memory.high") == "31457280"
    assert play.machine.fetcher.groups == (TREE / "limpet" / "limpet-workers",)
    play.agent.close()
    assert play.machine.cgroups.where(AGENT_PID) == [TREE]
    assert not play.machine.cgroups.below(TREE / "limpet")


def test_under_systemd_the_agents_own_group_is_left_to_systemd() -> None:
    play = playing()
    settle_chores(play)
    assert play.machine.cgroups.where(AGENT_PID) == [TREE / "system.slice/limpet-agent.service"]
    assert play.machine.fetcher.groups == (SCOPE / "limpet-workers",)


def test_what_groups_use_is_told_as_counters() -> None:
    play = playing()
    enabled(play, limited())
    settle_chores(play)
    group = play.machine.cgroups.groups[SCOPE / GROUP]
    group.files["cpu.stat"] = "usage_usec 30000000\nnr_throttled 4\nthrottled_usec 2000000\n"
    group.files["memory.current"] = "1048576"
    settle_chores(play, 400)
    told = play.core.vm.inbox.telemetry
    counters = {
        parameters["Counter"]: parameters["Value"]
        for received in told.items
        if (parameters := dict(received.value.parameters)).get("Instance") == GROUP
    }
    assert counters["% Processor Time"] == pytest.approx(10.0, abs=0.2)
    assert counters["Throttled Time (s)"] == 2.0
    assert counters["Total Memory Usage"] == 1048576.0


@pytest.mark.parametrize("how", ["no groups", "switched off", "guest shell", "no systemd-run"])
def test_without_groups_handlers_run_all_the_same_and_it_is_told_once(how: str) -> None:
    configs: dict[str, dict[str, Any]] = {
        "switched off": {"limits": False},
        "guest shell": {"stage": "guest-shell"},
    }
    config = configs.get(how, {})
    play = stage(collect_logs=False, **config)
    if how != "no groups":
        play.machine.cgroups.mount()
    if how == "no systemd-run":
        del play.machine.commands.programs["systemd-run"]
    places = enabled(play, limited(cpuQuotaPercentage=15))
    assert play.state() == "success"
    assert places == [[], []]
    assert len(play.log.of("limits.unavailable")) == (how in {"no groups", "no systemd-run"})


def test_a_container_whose_groups_have_no_controllers_is_told_once() -> None:
    play = stage(collect_logs=False)
    play.machine.cgroups.mount(controllers="")
    enabled(play, limited(cpuQuotaPercentage=15))
    assert play.state() == "success"
    assert len(play.log.of("limits.unavailable")) == 1


def test_a_scope_that_somebody_stopped_is_made_again() -> None:
    play = playing()
    enabled(play, limited())
    for path in [path for path in play.machine.cgroups.groups if path == SCOPE or SCOPE in path.parents]:
        del play.machine.cgroups.groups[path]
    play.publish(disable())
    play.live(10)
    assert text(play, SCOPE / GROUP / "cgroup.procs") is not None


def test_a_limit_that_the_kernel_refuses_is_told_and_the_command_runs() -> None:
    play = playing()
    places = enabled(play, limited(cpuQuotaPercentage=15, memoryQuotaInMB=10**30))
    assert places[0] == [SCOPE / GROUP]
    assert play.state() == "success"
    assert "Invalid argument" in play.log.of("limits.not_set")[0]["problem"]
