"""`limpet install` on a systemd machine where Debian's waagent serves the VM, and everything that goes with it."""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab import waagent
from limpet.lab.clock import wait_for
from limpet.lab.commands import run
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.machine import IDLE
from limpet.lab.packages import zipped
from limpet.lab.room import Room, room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.lab.machine import Machine

pytestmark = pytest.mark.system

VM, HANDLER = "vm0", "Limpet.Test.Daemon"
PATIENCE = 180.0
UNITS = ("limpet-boot.service", "limpet-agent.service", "limpet-firewall.service")
CONFIGURATION = {
    "Extensions.GoalStatePeriod": "1",
    "Extensions.InitialGoalStatePeriod": "1",
    "OS.EnableFirewall": "n",
}
COMMANDS = ("install", "enable", "update", "disable", "uninstall")
MANIFEST = [
    {
        "handlerManifest": {f"{command}Command": f"./handler {command}" for command in COMMANDS}
        | {"rebootAfterInstall": False, "reportHeartbeat": False}
    }
]
# It leaves a daemon behind, in no session and no group of its own.
PROGRAM = """\
#!/bin/sh
[ "$1" = enable ] || exit 0
sleep 86399 </dev/null >/dev/null 2>&1 &
echo $! > /run/daemon.pid
echo '[{"status": {"status": "success"}}]' > "status/${ConfigSequenceNumber:-0}.status"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """A machine on which the peer ran, and then limpet was installed. said: what that said."""

    machine: Machine
    world: Fabric
    said: dict[str, Any]


@contextmanager
def with_the_peer(layers: list[Path]) -> Iterator[tuple[Machine, Fabric]]:
    """A machine that Debian's waagent serves."""
    with room() as made, fabric(made.emulator().admin) as world:
        machine, port = made.machine(layers)
        world.add_vm(VM, port.address)
        package = zipped({"HandlerManifest.json": json.dumps(MANIFEST).encode(), "handler": PROGRAM.encode()})
        world.host(package, name=HANDLER, version="1.0.0")
        waagent.prepare(machine, CONFIGURATION)
        machine.boot()
        machine.settle()
        machine.run(["systemctl", "enable", "--now", waagent.UNIT]).checked()
        world.wait(VM, timeout=PATIENCE, health="Ready")
        yield machine, world


def install(machine: Machine) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(machine.run(["limpet", "install", "--json"], timeout=120).checked())
    return said


@pytest.fixture(scope="module")
def installed(layers: list[Path]) -> Iterator[Installed]:
    with with_the_peer(layers) as (machine, world):
        said = install(machine)
        world.publish(VM, {"handler": HANDLER, "version": "1.0.0", "public": {}})
        world.wait(VM, timeout=PATIENCE, handler=HANDLER, status="success")
        yield Installed(machine=machine, world=world, said=said)


def shown(machine: Machine, unit: str, name: str) -> str:
    return machine.run(["systemctl", "show", f"--property={name}", "--value", unit]).checked().strip()


def runs(machine: Machine, pid: str) -> bool:
    return machine.run(["kill", "-0", pid]).exit_code == 0


def test_the_agent_serves_the_vm_and_the_peer_has_ended(installed: Installed) -> None:
    machine = installed.machine
    assert {outcome["state"] for outcome in installed.said["outcomes"]} == {"done"}
    assert shown(machine, "limpet-agent.service", "ActiveState") == "active"
    assert shown(machine, "limpet-agent.service", "ControlGroup") == "/azure.slice/limpet-agent.service"
    assert machine.run(["pgrep", "-f", "waagent -daemon"]).exit_code == 1


def test_the_names_of_the_peers_service_mean_this_agent(installed: Installed) -> None:
    for unit in (waagent.UNIT, "waagent.service"):
        assert shown(installed.machine, unit, "Id") == "limpet-agent.service"


def test_systemd_finds_nothing_wrong_in_the_units(installed: Installed) -> None:
    paths = [f"/etc/systemd/system/{unit}" for unit in UNITS]
    done = installed.machine.run(["systemd-analyze", "verify", "--man=no", *paths], timeout=120)
    ours = [line for line in done.stderr.splitlines() if "limpet" in line and "ssh" not in line]
    assert (done.exit_code, ours) == (0, [])


def test_what_a_handler_started_survives_a_restart_of_the_agent(installed: Installed) -> None:
    machine, world = installed.machine, installed.world
    world.publish(VM, {"handler": HANDLER, "public": {"again": True}})
    world.wait(VM, timeout=PATIENCE, handler=HANDLER, status="success", sequence=1)
    daemon, agent = machine.read("/run/daemon.pid").strip(), shown(machine, "limpet-agent.service", "MainPID")
    before = world.vm(VM)["statusReports"]
    machine.run(["systemctl", "restart", waagent.UNIT], timeout=120).checked()
    world.wait(VM, timeout=PATIENCE, handler=HANDLER, status="success", afterStatus=before)
    assert runs(machine, daemon)
    assert shown(machine, "limpet-agent.service", "MainPID") != agent
    machine.run(["kill", daemon])


def test_installing_again_changes_nothing(installed: Installed) -> None:
    assert install(installed.machine) == {"outcomes": []}


def test_the_manual_page_and_the_completion_are_where_they_are_looked_for(installed: Installed) -> None:
    machine = installed.machine
    assert ".TH LIMPET 1" in machine.read("/usr/local/share/man/man1/limpet.1")
    script = (
        "source /usr/local/share/bash-completion/completions/limpet; "
        "COMP_WORDS=(limpet dep); COMP_CWORD=1; _limpet; echo ${COMPREPLY[@]}"
    )
    assert machine.run(["bash", "-c", script]).checked() == "deprovision\n"


def test_after_a_reboot_provisioning_runs_before_the_network_and_then_the_agent(installed: Installed) -> None:
    machine = installed.machine
    before = installed.world.vm(VM)["statusReports"]
    machine.run(["systemctl", "reboot"])
    machine.await_end()
    machine.boot()
    machine.settle()
    installed.world.wait(VM, timeout=PATIENCE, handler=HANDLER, status="success", afterStatus=before)
    moments = {
        unit: int(shown(machine, unit, "ActiveEnterTimestampMonotonic"))
        for unit in ("local-fs.target", "limpet-boot.service", "network-pre.target", "limpet-agent.service")
    }
    assert list(moments.values()) == sorted(moments.values())
    assert all(moments.values())
    assert shown(machine, "limpet-boot.service", "Result") == "success"
    assert "ordering cycle" not in machine.run(["journalctl", "--boot", "--no-pager"]).stdout
    assert machine.run(["pgrep", "-f", "waagent -daemon"]).exit_code == 1


def test_uninstalling_gives_the_peer_its_name_back_and_leaves_no_file(layers: list[Path]) -> None:
    with with_the_peer(layers) as (machine, _):
        install(machine)
        uninstalled(machine)


def uninstalled(machine: Machine) -> None:
    machine.run(["limpet", "uninstall"], timeout=120).checked()
    assert shown(machine, waagent.UNIT, "FragmentPath") == "/lib/systemd/system/walinuxagent.service"
    assert machine.run(["systemctl", "is-enabled", waagent.UNIT]).stdout.strip() == "enabled"
    assert machine.run(["pgrep", "-f", "limpet agent"]).exit_code == 1
    found = machine.run(
        ["find", "/etc", "/usr/local", "-name", "*limpet*", "-not", "-name", "limpet-lab*"]
    ).checked()
    assert found == ""
    machine.run(["systemctl", "start", waagent.UNIT]).checked()
    wait_for(
        lambda: machine.run(["pgrep", "-f", "waagent -daemon"]).exit_code == 0,
        "the peer to start",
        timeout=PATIENCE,
    )


def test_an_images_tree_is_prepared_from_outside_and_serves_at_its_first_boot(layers: list[Path]) -> None:
    with room() as made, fabric(made.emulator().admin) as world:
        machine, port = made.machine(layers)
        world.add_vm(VM, port.address)
        waagent.prepare(machine, CONFIGURATION)
        command = [sys.executable, "-m", "limpet", "install", "--json", "--root", str(machine.root)]
        said = json.loads(run(command, timeout=120).checked())
        assert {outcome["state"] for outcome in said["outcomes"]} == {"done"}
        machine.boot()
        assert machine.settle() == "running"
        world.wait(VM, timeout=PATIENCE, health="Ready", svdSequenceNumber="1")
        assert shown(machine, waagent.UNIT, "Id") == "limpet-agent.service"
        assert shown(machine, "limpet-boot.service", "Result") == "success"


def test_a_waagent_of_a_package_is_only_replaced_by_force_and_comes_back(
    empty_room: Room, layers: list[Path]
) -> None:
    machine, _ = empty_room.machine(layers)
    machine.boot(IDLE)
    original = machine.read("/usr/sbin/waagent")
    refused = machine.run(["limpet", "install-shim"])
    assert refused.exit_code == 1
    assert "it belongs to the package waagent" in refused.stdout
    assert machine.read("/usr/sbin/waagent") == original
    machine.run(["limpet", "install-shim", "--force"]).checked()
    assert machine.read("/usr/sbin/waagent.distrib") == original
    version = machine.run(["waagent", "--version"]).checked()
    assert re.fullmatch(
        r"WALinuxAgent-[\d.]+ running on debian 12\nPython: 3\.[\d.]+\nGoal state agent: [\d.]+\n", version
    )
    code = (
        "import imp; w = imp.load_source('waagent', '/usr/sbin/waagent'); w.LoggerInit('/tmp/log', None); w.Log('here');"
        "print(w.Run('true'), w.LibDir, w.ConfigurationProvider(None).get('ResourceDisk.MountPoint'))"
    )
    assert (
        machine.run(["python3", "-W", "ignore", "-c", code]).checked() == "0 /var/lib/waagent /mnt/resource\n"
    )
    assert machine.read("/tmp/log").endswith(" here\n")
    assert "OS.SshDir = /etc/ssh" in machine.run(["waagent", "-show-configuration"]).checked()
    machine.run(["limpet", "install-shim", "--uninstall"]).checked()
    assert machine.read("/usr/sbin/waagent") == original
    assert not machine.path("/usr/sbin/waagent.distrib").exists()
    assert "diversion" not in machine.run(["dpkg-divert", "--list", "/usr/sbin/waagent"]).stdout
