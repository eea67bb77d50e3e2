"""Which limits are written where, and what is done when the guest shell's volume is full."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.appliance.guest.shells import Shell, machine

from limpet.appliance.guest import ceilings
from limpet.appliance.guest.contract import Limits
from limpet.appliance.guest.layout import Layout
from limpet.appliance.guest.logs import journal
from limpet.appliance.guest.lxc import Lxc
from limpet.appliance.guest.storage import LOW, PLENTY, RESERVE, Room, relief, room_of
from limpet.host.fake_devices import by_the_kernel

LIMITS = Limits(cpu=50, memory=1 << 28, pids=100)
UNIFIED = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
HYBRID = (
    "30 1 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    "32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "35 30 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
)


def seen(mounts: str, controllers: dict[str, str]) -> ceilings.Ceilings:
    """What is found on a machine."""
    made = machine()
    with by_the_kernel(made.files):
        made.files.replace(Path("/proc/self/mountinfo"), mounts.encode())
        for folder, text in controllers.items():
            made.files.make_folder(Path(folder))
            made.files.replace(Path(folder, "cgroup.controllers"), text.encode())
    return ceilings.look(made.files)


def test_controllers_of_version_2_are_used_where_they_are() -> None:
    found = seen(UNIFIED, {"/sys/fs/cgroup": "cpuset cpu io memory pids\n"})
    assert found.missing == ()
    assert found.lxc_lines(LIMITS) == (
        "lxc.cgroup2.cpu.max = 50000 100000",
        f"lxc.cgroup2.memory.max = {1 << 28}",
        "lxc.cgroup2.pids.max = 100",
    )
    assert [str(path) for path, _ in found.pokes("guest-shell", LIMITS)] == [
        "/sys/fs/cgroup/cgroup.subtree_control",
        "/sys/fs/cgroup/guest-shell/cpu.max",
        "/sys/fs/cgroup/guest-shell/memory.max",
        "/sys/fs/cgroup/guest-shell/pids.max",
    ]


def test_controllers_of_version_1_are_used_where_they_are_bound_to_it() -> None:
    found = seen(HYBRID, {"/sys/fs/cgroup/unified": "\n"})
    assert found.missing == ()
    assert found.named == Path("/sys/fs/cgroup/systemd")
    assert dict(found.pokes("guest-shell", LIMITS)) == {
        Path("/sys/fs/cgroup/cpu,cpuacct/guest-shell/cpu.cfs_period_us"): "100000",
        Path("/sys/fs/cgroup/cpu,cpuacct/guest-shell/cpu.cfs_quota_us"): "50000",
        Path("/sys/fs/cgroup/memory/guest-shell/memory.limit_in_bytes"): str(1 << 28),
        Path("/sys/fs/cgroup/pids/guest-shell/pids.max"): "100",
    }
    assert {line.partition(".cgroup.")[0] for line in found.lxc_lines(LIMITS)} == {"lxc"}


def test_a_kernel_without_controllers_holds_no_limit_and_it_is_said() -> None:
    assert seen(UNIFIED, {"/sys/fs/cgroup": "\n"}).missing == ("cpu", "memory", "pids")
    assert seen("", {}).missing == ("cpu", "memory", "pids")
    assert seen(UNIFIED, {"/sys/fs/cgroup": "\n"}).lxc_lines(LIMITS) == ()


@given(st.integers(1, 1 << 40))
def test_the_journal_takes_no_more_than_half_of_what_logs_may_but_never_less_than_it_needs(log: int) -> None:
    words = dict(line.split("=") for line in journal(log).splitlines() if "=" in line)
    most = int(words["SystemMaxUse"].removesuffix("M")) << 20
    assert most <= max(8 << 20, log // 2)
    assert most >= 8 << 20


@pytest.mark.parametrize("allowed", [False, True])
def test_the_configuration_of_lxc_takes_the_machine_away_from_root_inside(*, allowed: bool) -> None:
    shell = Shell(machine(), "lxc")
    runtime = Lxc(ceilings.Ceilings())
    plan = shell.plan
    if allowed:
        from dataclasses import replace  # noqa: PLC0415

        plan = replace(plan, network_admin=True)
    lines = runtime.configuration(plan).splitlines()
    dropped = next(line for line in lines if line.startswith("lxc.cap.drop")).split()
    assert {"sys_time", "sys_module", "sys_rawio", "mknod", "syslog", "sys_boot"} <= set(dropped)
    assert ("net_admin" in dropped) is not allowed
    assert "lxc.mount.auto = proc:mixed sys:ro cgroup:rw:force" in lines
    assert "lxc.console.path = none" in lines
    assert not any(line.startswith(("lxc.include", "lxc.net")) for line in lines)
    exchange = next(line for line in lines if line.endswith("none bind,create=dir,ro 0 0"))
    assert "var/lib/limpet/appliance" in exchange


def full_shell() -> Shell:
    """One that runs, with a volume."""
    shell = Shell(machine(loops=True), "lxc")
    shell.machine.commands.programs["lxc-attach"] = shell.machine.commands.programs["sync"]
    shell.do("prepare", "start")
    return shell


def test_room_is_reserved_while_there_is_plenty_and_given_up_when_there_is_none() -> None:
    shell = full_shell()
    files, volume = shell.machine.files, Layout.of(shell.plan).volume

    def relieve() -> list[str]:
        tasks = relief(shell.runtime, shell.plan, shell.look(), room_of(shell.plan, files))
        shell.apply(tasks)
        return [task.name for task in tasks]

    files.rooms[volume] = PLENTY + 1
    assert relieve() == ["guest-reserve"]
    assert relieve() == []
    files.rooms[volume] = LOW - 1
    before = len(shell.machine.commands.ran)
    assert relieve() == ["guest-relief"]
    assert files.info(Layout.of(shell.plan).reserve) is None
    assert shell.machine.commands.ran[before].argv[0] == "lxc-attach"
    files.rooms[volume] = PLENTY - 1
    assert relieve() == []


def test_a_guest_shell_that_was_never_there_is_not_full() -> None:
    shell = Shell(machine(), "lxc")
    shell.machine.files.rooms[Path("/")] = 0
    assert not room_of(shell.plan, shell.machine.files).full


@pytest.mark.parametrize("free", [0, LOW - 1])
def test_a_full_volume_of_a_guest_that_does_not_run_only_gives_its_reserve(free: int) -> None:
    shell = Shell(machine(), "nspawn")
    tasks = relief(shell.runtime, shell.plan, shell.look(), Room(free=free, reserved=True, stored=True))
    assert [step.describe() for task in tasks for step in task.steps] == [
        f"remove {Layout.of(shell.plan).reserve}"
    ]
    assert RESERVE > LOW
