"""A guest shell on a real machine: control groups of version 2 under systemd, loop devices, and starts of the machine anew."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.system import shell_driver
from tests.system.test_guest_shell import image_file as image_file  # noqa: PLC0414 - a fixture
from tests.system.test_guest_shell_limits import EATER, FORKS
from tests.vm.limpet_vm import settled, told_about, wish

from limpet.lab.clock import wait_for
from limpet.lab.vm.recipes import LIMPET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.commands import Result
    from limpet.lab.recipes import Recipe
    from limpet.lab.vm.rack import Rack
    from limpet.lab.vm.ssh import Key
    from limpet.lab.vm.virtual_machine import Vm

MIB = 1024 * 1024
RECIPE: Recipe = LIMPET.recipe.with_packages("lxc", "systemd-container")
IMAGE = replace(
    LIMPET,
    name="limpet-guest-shell",
    recipe=replace(RECIPE, disabled=("lxc-net.service", "lxc.service", "lxc-monitord.service")),
)
GROUPS = {"lxc": "/sys/fs/cgroup/lxc.payload.guest-shell", "nspawn": "/sys/fs/cgroup/guest-shell"}
PATIENCE = 300.0


class Shell:
    """The guest shell of a VM."""

    def __init__(self, machine: Vm, runtime: str) -> None:
        self.machine = machine
        self._settings = (
            f"--set guest_shell.runtime={runtime} --set guest_shell.memory=160 --set guest_shell.pids=96"
        )

    def ask(self, verb: str, words: str = "") -> Result:
        """`limpet guestshell` with this runtime."""
        return self.machine.run(f"limpet guestshell {verb} {self._settings} {words}", timeout=PATIENCE)

    def do(self, verb: str, words: str = "") -> str:
        """The same; it must end with 0."""
        done = self.ask(verb, words)
        assert done.exit_code == 0, done
        return done.stdout

    def inside(self, script: str) -> Result:
        """A shell script inside."""
        self.machine.write("/run/inside", script)
        return self.machine.run(
            f"limpet guestshell run {self._settings} -- sh -s < /run/inside", timeout=PATIENCE
        )

    def status(self) -> dict[str, Any]:
        """How it is."""
        found: dict[str, Any] = json.loads(self.ask("status", "--json").stdout)
        return found

    def settle(self) -> str:
        """Wait until systemd inside has started everything."""
        return wait_for(self._settled, "the guest shell's systemd to start", timeout=PATIENCE, pause=2.0)

    def _settled(self) -> str | None:
        answer = self.inside("systemctl is-system-running").stdout.strip()
        return answer if answer in {"running", "degraded"} else None


@contextmanager
def with_shell(machine: Vm, runtime: str) -> Iterator[Shell]:
    """One that runs, and is gone at the end; its images stay."""
    shell = Shell(machine, runtime)
    shell.do("enable")
    try:
        assert shell.settle() == "running"
        yield shell
    finally:
        shell.do("destroy", "--all")


@pytest.fixture(scope="module")
def machine(lab: Rack, key: Key, image_file: Path) -> Iterator[Vm]:
    """A VM that has the image of a guest shell in slot a, confirmed. It is brought by the second disk."""
    place = lab.place("shelly", **wish(key))
    with lab.vm(IMAGE, place, media=lab.media(place), resource_disk=image_file) as made, told_about(made):
        made.boot()
        settled(made)
        made.told(
            "dd if=$(blkid -t TYPE=squashfs -o device) of=/var/lib/guest.squashfs bs=1M", timeout=PATIENCE
        )
        made.told("limpet guestshell upgrade /var/lib/guest.squashfs", timeout=PATIENCE)
        drive(made, "confirm")
        yield made


def drive(machine: Vm, word: str) -> str:
    """What the supervisor would do with images."""
    machine.write("/run/shell_driver.py", Path(shell_driver.__file__).read_bytes())
    return machine.told(f"python3 -ISB /run/shell_driver.py {word}", timeout=PATIENCE)


@pytest.mark.parametrize("runtime", ["lxc", "nspawn"])
def test_limits_hold_by_control_groups_of_version_2(machine: Vm, runtime: str) -> None:
    with with_shell(machine, runtime) as shell:
        assert shell.status()["limits"]["notHeld"] == []
        group = GROUPS[runtime]
        files = f"{group}/memory.max {group}/pids.max {group}/cpu.max"
        assert machine.told(f"cat {files}").split() == [str(160 * MIB), "96", "100000", "100000"]
        # 137 would be the end of the lab's own patience.
        assert shell.inside(f"{EATER}; echo ended $?").stdout == "ended 137\n"
        count, _, reason = shell.inside(FORKS).stdout.partition(" ")
        assert 0 < int(count) < 96
        assert reason.strip() == "Resource temporarily unavailable"
        assert shell.settle() == "running"


def test_its_volume_is_a_file_system_of_its_own_and_outlives_a_power_cut(machine: Vm) -> None:
    with with_shell(machine, "lxc") as shell:
        assert shell.status()["storage"]["how"] == "a file system of its own"
        shell.inside("echo kept > /var/lib/waagent/kept; sync")
        machine.cut_power()
        machine.boot()
        settled(machine)
        assert not shell.status()["running"]
        shell.do("enable")
        assert shell.settle() == "running"
        assert shell.inside("cat /var/lib/waagent/kept").stdout.strip() == "kept"


def test_volumes_grow_while_they_are_used_and_the_shared_folder_is_bounded(machine: Vm) -> None:
    share = "/bootflash/guest-share"
    machine.told(f"mkdir -p {share}; echo licence > {share}/licence")
    with with_shell(machine, "lxc") as shell:
        shell.inside(f"echo kept > /var/lib/waagent/kept; echo shared > {share}/shared")
        before = shell.status()["init"]
        sizes = "stat --file-system --format='%b %S' /var/lib/limpet/guest/volume /bootflash/guest-share"
        small = [int(word) for word in machine.told(sizes).split()]
        said = drive(machine, "relief guest_shell.disk=4096 guest_shell.share=2048")
        assert said.count("done") == 2
        large = [int(word) for word in machine.told(sizes).split()]
        assert all(large[at] > 1.9 * small[at] for at in (0, 2))
        assert shell.status()["init"] == before
        assert shell.inside(f"cat /var/lib/waagent/kept {share}/licence {share}/shared").stdout.split() == [
            "kept", "licence", "shared",
        ]  # fmt: skip
    assert machine.told(f"cat {share}/shared").strip() == "shared"


def test_an_image_that_was_only_tried_is_not_started_after_a_start_of_the_machine(machine: Vm) -> None:
    machine.told("limpet guestshell upgrade /var/lib/guest.squashfs", timeout=PATIENCE)
    shell = Shell(machine, "lxc")
    assert shell.status()["image"]["slot"] == "b"
    machine.reboot()
    settled(machine)
    assert shell.status()["image"]["slot"] == "a"
