"""Control groups of version 2 under systemd: limits of handlers and of the agent, over the agent's restarts and its death."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.vm.limpet_vm import PROVISIONING, READY, await_reports, limpet_vm, settled, wish

from limpet.lab.clock import wait_for
from limpet.lab.packages import zipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.vm.rack import Place, Rack
    from limpet.lab.vm.ssh import Key
    from limpet.lab.vm.virtual_machine import Vm

NAME = "Limpet.Test.Limited"
SCOPE = "/sys/fs/cgroup/azure.slice/azure-vmextensions.slice/limpet-handlers.scope"
GROUP = f"{SCOPE}/azure-vmextensions-{NAME}.slice"
ENABLE = """\
#!/bin/sh
cat /proc/self/cgroup > seen
nohup sh -c 'while :; do :; done' >/dev/null 2>&1 &
echo '[{"version":1,"timestampUTC":"2026-01-01T00:00:00Z","status":{"status":"success","operation":"e","code":0}}]' > status/0.status
"""
STOP = "#!/bin/sh\npkill -f 'while :; do :; done'\nexit 0\n"


def handler() -> bytes:
    manifest = [
        {
            "version": 1.0,
            "handlerManifest": {
                "installCommand": "bin/ok", "enableCommand": "bin/enable", "updateCommand": "bin/ok",
                "disableCommand": "bin/stop", "uninstallCommand": "bin/stop", "rebootAfterInstall": False,
            },
            "resourceLimits": {"cpuQuotaPercentage": 7, "memoryQuotaInMB": 64},
        }
    ]  # fmt: skip
    files = {
        "HandlerManifest.json": json.dumps(manifest),
        "bin/ok": "#!/bin/sh\nexit 0\n",
        "bin/enable": ENABLE,
        "bin/stop": STOP,
    }
    return zipped({name: text.encode() for name, text in files.items()})


@pytest.fixture(scope="module")
def place(lab: Rack, key: Key) -> Place:
    return lab.place("limited", **wish(key))


@pytest.fixture(scope="module")
def machine(lab: Rack, place: Place) -> Iterator[Vm]:
    """A VM whose handler has left a busy process running."""
    with limpet_vm(lab, place, media=lab.media(place)) as made:
        made.boot()
        await_reports(lab, place, PROVISIONING, READY)
        settled(made)
        lab.world.host(handler(), name=NAME, version="1.0.0")
        lab.world.publish(place.name, {"handler": NAME, "version": "1.0.0", "public": {}})
        made.await_told(f"cat /var/lib/waagent/{NAME}-1.0.0/status/0.status; :", "success")
        yield made


def members(machine: Vm) -> list[str]:
    return machine.told(f"cat {GROUP}/cgroup.procs").split()


def leftover(machine: Vm) -> str:
    """The busy process of the first enable; each further one leaves one more."""
    return members(machine)[0]


def main_process(machine: Vm) -> str:
    return machine.told("systemctl show -p MainPID --value limpet-agent")


def test_a_command_was_in_its_group_with_the_limits_of_the_manifest(machine: Vm) -> None:
    assert f"azure-vmextensions-{NAME}.slice" in machine.told(f"cat /var/lib/waagent/{NAME}-1.0.0/seen")
    assert machine.told(f"cat {GROUP}/cpu.max") == "7000 100000"
    assert machine.told(f"cat {GROUP}/memory.high") == str(64 * 1024 * 1024)


def test_what_it_left_running_is_held_to_its_share(machine: Vm) -> None:
    machine.told("sleep 3")
    assert int(machine.told(f"awk '/nr_throttled/ {{print $2}}' {GROUP}/cpu.stat")) > 0


def test_the_agent_has_its_own_limits_as_a_service(machine: Vm) -> None:
    machine.await_told("systemctl show -p CPUQuotaPerSecUSec limpet-agent", "500ms")
    assert machine.told("cat /sys/fs/cgroup/azure.slice/limpet-agent.service/cpu.max") == "500000 1000000"


@pytest.mark.parametrize(
    "how", ["systemctl restart limpet-agent", "systemctl kill -s KILL --kill-whom=main limpet-agent"]
)
def test_the_agent_comes_back_and_what_runs_stays_limited(how: str, machine: Vm) -> None:
    before, agent = leftover(machine), main_process(machine)
    machine.told(how, timeout=120)
    wait_for(
        lambda: main_process(machine) not in {agent, "0"} and machine.run("systemctl is-active limpet-agent").exit_code == 0,
        "the agent to come back",
        timeout=120,
        pause=0.5,
    )  # fmt: skip
    assert leftover(machine) == before
    assert machine.told(f"cat {GROUP}/cpu.max") == "7000 100000"
    assert "219/CGROUP" not in machine.told("journalctl -u limpet-agent --no-pager")


def test_systemd_leaves_the_groups_alone_when_it_reads_its_units_again(machine: Vm) -> None:
    before = leftover(machine)
    machine.told("systemctl daemon-reload", timeout=120)
    assert leftover(machine) == before
    assert machine.told(f"cat {GROUP}/cpu.max") == "7000 100000"
