"""Control groups of this machine's kernel: a handler's command is limited from its first instruction, and what it leaves too."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import ports

from limpet.agent.limits import Groups
from limpet.guest.control_groups import Limits, located
from limpet.host.cgroups import RealControlGroups
from limpet.host.clock import RealClock
from limpet.host.fake import FakeMachine
from limpet.host.files import RealFiles
from limpet.host.process import HandlerProcesses
from limpet.host.workers import RealWorkers
from limpet.lab.clock import seconds, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system
PROC = Path("/proc")


class Elsewhere(RealFiles):
    """This machine's files, with process 1 in a group of our own, so that the base is there."""

    def __init__(self, own: str) -> None:
        self._first = "".join(
            f"{line.rpartition(':')[0]}:{own}\n" for line in (PROC / "self/cgroup").read_text().splitlines()
        )

    def read(self, path: Path, *, at_most: int) -> bytes:
        if path == PROC / "1/cgroup":
            return self._first.encode()
        if path == PROC / "1/comm":
            return b"init\n"
        return super().read(path, at_most=at_most)


@dataclass
class Kernel:
    groups: Groups
    processes: HandlerProcesses
    folder: Path

    def place(self, limits: Limits) -> tuple[Path, ...]:
        places = self.groups.place("test.slice", limits)
        if not places and not Path("/sys/fs/cgroup/cpu").exists():  # of version 2 only, as in many containers
            pytest.skip("no control group with controllers can be made here")
        assert places, "no control group could be made: run as root, with cgroup file systems mounted"
        return places

    def run(self, command: str, limits: Limits) -> bytes:
        places = self.place(limits)
        done = self.processes.run_handler_command(
            command, folder=self.folder, environment={"PATH": os.environ["PATH"]}, timeout=30, groups=places
        )
        return done.stdout


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    name = f"/limpet-test-{os.getpid()}"
    real = RealControlGroups()
    roots = located(
        (PROC / "self/mountinfo").read_text(), f"0::{name}\n1:cpu:{name}\n2:cpuacct:{name}\n3:memory:{name}\n"
    ).roots
    for root in roots:
        real.make(root)
    fake = FakeMachine()
    groups = Groups(ports(fake, files=Elsewhere(name), cgroups=real), wanted=True)
    try:
        yield Kernel(groups, HandlerProcesses(RealClock()), tmp_path)
    finally:
        groups.close()
        for root in roots:
            for below in [root / "limpet" / "test.slice", root / "limpet", root]:
                # The kernel takes its time to let go of the dead.
                wait_for(partial(gone, real, below), f"{below} to go", timeout=60)


def gone(groups: RealControlGroups, group: Path) -> bool:
    """Kill what is in a group, and remove it."""
    for pid in (groups.read(group / "cgroup.procs") or "").split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    return groups.remove(group)


def test_a_command_is_in_its_group_before_its_first_instruction(kernel: Kernel) -> None:
    said = kernel.run("cat /proc/self/cgroup", Limits())
    assert b"/limpet/test.slice" in said
    here = Path("/proc/self/cgroup").read_bytes()
    assert b"test.slice" not in here


def test_a_busy_command_is_throttled_and_its_use_is_counted(kernel: Kernel) -> None:
    began = seconds()
    for _ in range(30):  # on a busy machine it may not even get its fifth of a processor
        kernel.run("timeout 1 sh -c 'while :; do :; done'; true", Limits(cpu=20))
        usage = kernel.groups.usage("test.slice")
        if usage.throttlings:
            break
    assert usage.throttlings
    assert usage.throttled
    assert usage.processor
    assert usage.processor < 0.3 * (seconds() - began) + 0.2


def test_what_a_command_leaves_running_stays_in_the_group_when_the_agent_has_gone(kernel: Kernel) -> None:
    kernel.run("setsid sleep 60 >/dev/null 2>&1 & echo $!", Limits(cpu=20))
    kernel.groups.close()
    (place, *_) = kernel.groups.place("test.slice", Limits(cpu=20))
    assert (place / "cgroup.procs").read_text().split()


def test_a_worker_is_in_its_group_too_and_gentle(kernel: Kernel) -> None:
    places = kernel.place(Limits(cpu=50))
    work = RealWorkers(RealClock()).start("tests.contract.worker_program", "hang", groups=places, gentle=True)
    process = work._process.pid
    try:
        wait_for(lambda: os.getpriority(os.PRIO_PROCESS, process) == 19, "it to be gentle", timeout=60)
        assert str(process) in (places[0] / "cgroup.procs").read_text().split()
    finally:
        work.kill()
