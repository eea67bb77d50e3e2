"""Limits of a guest shell that hold, by the controllers of this machine's kernel.

Where they are bound to version 1, as on many hosts of tests, only nspawn can be shown them in a machine of the lab: LXC takes the
machine for one with nothing but version 2. Limits of version 2 are seen in VMs.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system.test_guest_shell import Shell, booted

from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.appliance.room import Appliance, Parts

pytestmark = pytest.mark.system

MIB = 1024 * 1024
HIERARCHIES = Path("/sys/fs/cgroup")
EATER = "python3 -c 'held = bytearray(400 << 20); print(len(held))'"
FORKS = """python3 -c '
import os, signal
children = []
try:
    while len(children) < 500:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except OSError as error:
    print(len(children), error.strerror)
for child in children:
    os.kill(child, signal.SIGKILL)
'"""


def own_group(controller: str) -> Path:
    """This process's group: a machine of the lab takes it for the whole hierarchy."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return HIERARCHIES / controller / path.lstrip("/")
    return HIERARCHIES / controller


@contextmanager
def shown(made: Appliance, controller: str) -> Iterator[Path]:
    """A controller of version 1 inside a machine, with a group of this test's own as the whole of it. Gives that group's folder here."""
    if not (HIERARCHIES / controller / "cgroup.procs").exists():
        pytest.skip(f"the controller {controller} is not bound to version 1 here")
    name = f"{made.room.workspace.name}-{controller}"
    group = own_group(controller) / name
    group.mkdir()
    try:
        made.sh(
            f"mkdir -p /run/whole /run/{controller} && mount -t cgroup -o {controller} cgroup /run/whole"
            f" && mount --bind /run/whole/{name} /run/{controller} && umount /run/whole"
        )
        yield group
    finally:
        made.machine.kill()
        wait_for(lambda: _removed(group), f"the processes in {group} to end", timeout=60)


def _removed(group: Path) -> bool:
    with suppress(OSError):
        for below, _, _ in os.walk(group, topdown=False):
            os.rmdir(below)  # noqa: PTH106
    return not group.exists()


def test_a_guest_that_takes_too_much_memory_loses_the_process_that_did_and_lives_on(
    appliance_parts: Parts,
) -> None:
    with booted(appliance_parts) as made, shown(made, "memory") as group:
        shell = Shell(made, "nspawn", "guest_shell.memory=128")
        shell.do("enable")
        assert shell.settle() == "running"
        assert (group / "guest-shell/memory.limit_in_bytes").read_text().strip() == str(128 * MIB)
        assert "memory" not in shell.status()["limits"]["notHeld"]
        assert shell.inside(EATER).exit_code == 128 + 9
        assert shell.settle() == "running"
        assert shell.status()["running"]


def test_a_guest_has_so_many_processes_and_no_more(appliance_parts: Parts) -> None:
    with booted(appliance_parts) as made, shown(made, "pids"):
        shell = Shell(made, "nspawn", "guest_shell.pids=64")
        shell.do("enable")
        assert shell.settle() == "running"
        count, _, reason = shell.inside(FORKS).stdout.partition(" ")
        assert 0 < int(count) < 64
        assert reason == "Resource temporarily unavailable\n"
        assert shell.settle() == "running"


def test_a_guest_whose_first_process_is_killed_for_memory_is_seen_and_started_again(
    appliance_parts: Parts,
) -> None:
    with booted(appliance_parts) as made, shown(made, "memory") as group:
        shell = Shell(made, "nspawn", "guest_shell.memory=128")
        shell.do("enable")
        shell.settle()
        made.sh(f"kill -KILL {shell.status()['init']}")  # as the kernel does when nothing else is left
        wait_for(lambda: not shell.status()["running"], "the death to be seen", timeout=60)
        shell.do("enable")
        assert shell.settle() == "running"
        assert (group / "guest-shell/memory.limit_in_bytes").read_text().strip() == str(128 * MIB)
        shell.do("disable")
        assert not (group / "guest-shell").exists()
