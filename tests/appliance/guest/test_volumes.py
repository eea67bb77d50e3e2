"""Volumes: the folder that is shared is bounded with its content kept, and a volume becomes larger, never smaller."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.appliance.guest.shells import Shell, machine

from limpet.appliance.guest.runtimes import NAMES
from limpet.appliance.guest.storage import relief, room_of, stored, unfit
from limpet.host.fake import PowerCut
from limpet.host.fake_devices import by_the_kernel
from limpet.host.fake_programs import guest_shell

SHARE = Path("/bootflash/guest-share")


@pytest.fixture(params=NAMES)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(machine(loops=True), request.param, share=64)


def put(shell: Shell, name: str, content: bytes) -> None:
    with by_the_kernel(shell.machine.files):
        shell.machine.files.make_folder((SHARE / name).parent)
        shell.machine.files.replace(SHARE / name, content)


def read(shell: Shell, name: str) -> bytes:
    return shell.machine.files.read(SHARE / name, at_most=100)


def ran(shell: Shell, program: str) -> list[tuple[str, ...]]:
    return [call.argv for call in shell.machine.commands.ran if program in " ".join(call.argv)]


def test_what_was_in_the_shared_folder_before_is_still_there(shell: Shell) -> None:
    put(shell, "licence", b"kept")
    put(shell, "logs/one", b"too")
    shell.do("prepare", "start")
    assert SHARE in shell.look().shares
    assert (read(shell, "licence"), read(shell, "logs/one")) == (b"kept", b"too")


def test_planning_again_gives_nothing_while_it_runs_and_after_it_was_stopped(shell: Shell) -> None:
    shell.do("prepare", "start")
    assert shell.tasks("prepare") == ()
    shell.do("stop")
    assert [task.name for task in shell.tasks("prepare")] == ["guest-root"]


def test_it_is_there_again_after_a_start_of_the_machine_with_what_the_host_wrote_meanwhile(
    shell: Shell,
) -> None:
    put(shell, "licence", b"old")
    put(shell, "other", b"kept")
    shell.do("prepare", "start")
    guest_shell.restarted(shell.machine.files)
    put(shell, "licence", b"new")
    shell.do("prepare")
    assert (read(shell, "licence"), read(shell, "other")) == (b"new", b"kept")


def test_a_container_that_uses_it_without_a_bound_is_left_alone(shell: Shell) -> None:
    shell.share = 0
    shell.do("prepare", "start")
    shell.share = 64
    assert not any(task.name == "guest-share" for task in shell.tasks("prepare"))
    assert "has no bound" in (unfit(shell.plan, shell.look()) or "")


def test_without_a_limit_or_without_loop_devices_it_stays_a_folder() -> None:
    for made, share in ((machine(loops=True), 0), (machine(), 64)):
        bare = Shell(made, "lxc", share=share)
        bare.do("prepare", "start")
        assert SHARE not in bare.look().shares


def test_destroying_all_of_the_guest_shell_keeps_what_is_shared_with_the_host(shell: Shell) -> None:
    put(shell, "licence", b"kept")
    shell.do("prepare", "start", "stop", "destroy")
    assert read(shell, "licence") == b"kept"


def test_a_power_cut_at_any_change_loses_nothing_of_it() -> None:
    cut = 0
    while True:
        shell = Shell(machine(loops=True), "lxc", share=64)
        put(shell, "licence", b"kept")
        files = shell.machine.files
        files.nodes[SHARE] = replace(files.nodes[SHARE], mode=0o775)
        shell.machine.battery.left = cut
        try:
            shell.do("prepare")
        except PowerCut:
            shell.machine.battery.left = None
            guest_shell.restarted(shell.machine.files)
            shell.do("prepare")
            assert read(shell, "licence") == b"kept"
            assert files.nodes[SHARE].mode == 0o775
            cut += 1
        else:
            break
    assert cut > 10


@pytest.mark.parametrize("running", [False, True])
def test_a_volume_becomes_larger_when_the_setting_does_and_that_is_done_once(
    shell: Shell, *, running: bool
) -> None:
    shell.do("prepare", "start")
    shell.write("kept", b"kept")
    if not running:
        shell.do("stop")
        guest_shell.restarted(shell.machine.files)
    shell.disk, shell.share = 4096, 128
    if running:
        room = room_of(shell.plan, shell.machine.files)
        shell.apply(relief(shell.runtime, shell.plan, shell.look(), room))
    else:
        shell.do("prepare")
    grown = {argv[-1]: argv[1] for argv in ran(shell, "truncate --size=>")}
    store = shell.plan.store
    assert grown == {
        str(store / "volume.img"): f"--size=>{4096 << 20}",
        "/bootflash/guest-share.img": f"--size=>{128 << 20}",
    }
    assert shell.read("kept") == b"kept"
    before = len(shell.machine.commands.ran)
    shell.do("prepare")
    assert not [argv for call in shell.machine.commands.ran[before:] if "truncate" in (argv := call.argv)]
    assert unfit(shell.plan, shell.look()) is None


def test_growth_that_was_cut_short_is_done_again() -> None:
    cut = 0
    while True:
        shell = Shell(machine(loops=True), "lxc")
        shell.do("prepare", "start")
        shell.disk = 4096
        shell.machine.battery.left = cut
        try:
            shell.do("prepare")
        except PowerCut:
            shell.machine.battery.left = None
            guest_shell.restarted(shell.machine.files)
            shell.do("prepare")
            assert shell.look().disk.size == 4096 << 20
            assert ran(shell, "resize2fs")
            cut += 1
        else:
            break
    assert cut >= 1


def test_a_smaller_setting_changes_nothing_and_is_told(shell: Shell) -> None:
    shell.do("prepare", "start")
    shell.disk, shell.share = 1024, 32
    assert shell.tasks("prepare") == ()
    told = stored(shell.plan, shell.look(), shell.machine.files)["problem"]
    assert "guest_shell.disk says 1024 MiB" in told
    assert "was made with 2048" in told
    assert "guest_shell.share says 32 MiB" in told
