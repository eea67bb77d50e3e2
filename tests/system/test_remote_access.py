"""Just-in-time users, logs and groups on a real Debian: real keys, useradd, chpasswd, PAM and sudo, under systemd."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from limpet.lab.agents import LIMPET
from limpet.lab.clock import wait_for
from limpet.lab.fabric import fabric

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.lab.fabric import Fabric
    from limpet.lab.machine import Machine
    from limpet.lab.room import Room

pytestmark = pytest.mark.system

PASSWORD = "Correct-Horse 9 ä'\"$"
LAST = "Tue, 01 Jan 2030 00:00:00 GMT"
SETTINGS = {
    "Extensions.GoalStatePeriod": "1",
    "Logs.Collect": "y",
    "Debug.LogCollectorInitialDelay": "2",
    "Debug.EnableFastTrack": "n",
}


@pytest.fixture
def playing(empty_room: Room, layers: list[Path]) -> Iterator[tuple[Machine, Fabric]]:
    emulator = empty_room.emulator()
    vm, port = empty_room.machine(layers)
    LIMPET.prepare(vm, SETTINGS)
    with fabric(emulator.admin) as world:
        world.add_vm(vm.name, port.address)
        vm.boot()
        vm.settle()
        LIMPET.start(vm)
        yield vm, world


def user(name: str, expiration: str = LAST) -> dict[str, str]:
    return {"name": name, "password": PASSWORD, "expiration": expiration}


def known(vm: Machine, name: str) -> bool:
    return any(line.startswith(f"{name}:") for line in vm.read("/etc/passwd").splitlines())


def logged_in(vm: Machine, name: str, password: str, command: str) -> str:
    """What a command prints that somebody without rights runs as `name`, with its password."""
    su = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "su", "-", name, "-c", command]
    return vm.run(su, stdin=f"{password}\n").stdout


def test_a_listed_user_logs_in_with_its_password_becomes_root_with_it_and_goes_when_it_is_not_listed(
    playing: tuple[Machine, Fabric],
) -> None:
    vm, world = playing
    world.list_users(vm.name, [user("jit"), user("late", "Wed, 01 Jan 2020 00:00:00 GMT")])
    wait_for(
        lambda: known(vm, "jit") and vm.path("/etc/sudoers.d/waagent").is_file(),
        "jit to be made",
        timeout=120,
    )
    wait_for(lambda: "made=jit" in LIMPET.log(vm), "the agent to tell of it", timeout=60)
    assert "JIT_Account" in vm.read("/etc/passwd")
    assert "Jan 02, 2030" in vm.run(["chage", "-l", "jit"]).stdout
    assert not known(vm, "late")
    assert logged_in(vm, "jit", PASSWORD, "id -un").strip().endswith("jit")
    assert "jit" not in logged_in(vm, "jit", "wrong", "id -un").replace("su:", "")
    assert vm.run(["visudo", "-c"]).exit_code == 0
    everything = LIMPET.log(vm) + vm.run(["sh", "-c", "ps -eo args; find /var/log /var/lib/waagent -type f | xargs grep -la [C]orrect-Horse"]).stdout  # fmt: skip
    assert "Correct-Horse" not in everything
    world.list_users(vm.name, [])
    wait_for(lambda: not known(vm, "jit"), "jit to go", timeout=120)
    wait_for(lambda: not vm.path("/home/jit").exists(), "its home to go", timeout=60)
    sudoers = vm.path("/etc/sudoers.d/waagent")
    assert not sudoers.is_file() or "jit" not in sudoers.read_text()


def test_logs_are_collected_and_uploaded(playing: tuple[Machine, Fabric]) -> None:
    vm, world = playing

    def uploaded() -> bool:
        return any("vmAgentLog" in json.dumps(request) for request in world.requests(vm.name))

    wait_for(uploaded, "logs to be uploaded", timeout=180)
    path = "/var/lib/waagent/logcollector/logs.zip"
    listed = vm.run(["python3", "-m", "zipfile", "-l", path]).checked()
    assert "results.txt" in listed
    assert "journal/limpet.log" in listed
    assert ".pem" not in listed


def test_an_agent_without_controllers_says_so_once_and_goes_on(playing: tuple[Machine, Fabric]) -> None:
    vm, _ = playing
    if vm.read("/sys/fs/cgroup/cgroup.controllers").strip():
        pytest.skip("here a machine of the lab has controllers: they are not bound to version 1")
    wait_for(lambda: "limits.unavailable" in LIMPET.log(vm), "the agent to tell of it", timeout=180)
    assert LIMPET.log(vm).count("limits.unavailable") == 1
