"""What every runtime must do, on a machine in memory. The same for real: tests/system/test_guest_shell.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.appliance.guest.shells import FILES, IMAGE, Shell, machine, network, squashfs

from limpet.appliance.guest.layout import Layout
from limpet.appliance.guest.runtimes import NAMES, runtime
from limpet.guest.agent_news import NEWS
from limpet.guest.fabric_lease import EXCHANGE
from limpet.guest.shell_brief import VARIABLE
from limpet.host.fake import PowerCut
from limpet.host.fake_devices import by_the_kernel
from limpet.host.fake_programs import guest_shell
from limpet.model.errors import ConfigurationError

LIFE = ("prepare", "start", "stop", "reset", "destroy")
KEPT = Path("/var/lib/limpet/guest/state/waagent/kept")


@pytest.fixture(params=[(name, loops) for name in NAMES for loops in (False, True)], ids=str)
def shell(request: pytest.FixtureRequest) -> Shell:
    """One that was never started, by each runtime, on machines without and with loop devices."""
    name, loops = request.param
    return Shell(machine(loops=loops), name)


def keep(shell: Shell) -> None:
    """Something is in the agent's folder."""
    with by_the_kernel(shell.machine.files):
        shell.machine.files.replace(KEPT, b"kept")


def test_a_guest_shell_that_was_never_there_is_looked_at_and_nothing_is_to_be_undone(shell: Shell) -> None:
    sight = shell.look()
    assert not sight.mounted
    assert not sight.running
    assert sight.problem is None
    assert [shell.tasks(verb) for verb in ("stop", "reset", "destroy")] == [(), (), ()]


def test_it_is_mounted_then_started_and_its_first_process_is_known(shell: Shell) -> None:
    shell.do("prepare")
    assert shell.look().mounted
    assert not shell.look().running
    shell.do("start")
    sight = shell.look()
    assert sight.running
    assert sight.instance == "first"
    assert sight.problem is None
    environment = shell.machine.files.read(Path("/proc", str(sight.init), "environ"), at_most=4096)
    assert f"{VARIABLE}=first".encode() in environment


def test_what_is_stored_can_be_looked_into_by_root_alone(shell: Shell) -> None:
    shell.do("prepare")
    store = shell.machine.files.info(shell.plan.store)
    assert store is not None
    assert store.mode == 0o700


def test_looking_starts_no_process(shell: Shell) -> None:
    shell.do("prepare", "start")
    before = len(shell.machine.commands.ran)
    shell.look()
    assert len(shell.machine.commands.ran) == before


@pytest.mark.parametrize("verb", LIFE)
def test_planning_again_after_it_was_done_gives_nothing(shell: Shell, verb: str) -> None:
    shell.do(*LIFE[: LIFE.index(verb) + 1])
    assert shell.tasks(verb) == ()


def test_names_resolvers_and_log_limits_are_written_before_the_start(shell: Shell) -> None:
    shell.do("prepare", "start")
    assert shell.read("etc/hostname") == b"guestshell\n"
    assert shell.read("etc/resolv.conf") == b"nameserver 168.63.129.16\n"
    assert b"SystemMaxUse=32M" in (shell.read("etc/systemd/journald.conf.d/90-limpet.conf") or b"")


def test_stopping_keeps_what_was_changed_and_the_image_is_never_written_to(shell: Shell) -> None:
    shell.do("prepare", "start")
    shell.write("etc/installed", b"by an extension")
    shell.do("stop")
    assert not shell.look().mounts
    assert shell.look().changed
    shell.do("prepare", "start")
    assert shell.read("etc/installed") == b"by an extension"
    assert [shell.machine.files.read(IMAGE / path, at_most=100) for path in FILES] == [
        each.encode() for each in FILES
    ]


def test_a_reset_forgets_changes_and_keeps_the_persistent_folders(shell: Shell) -> None:
    shell.do("prepare", "start")
    shell.write("usr/bin/true", b"broken")
    keep(shell)
    shell.do("stop", "reset", "prepare", "start")
    assert shell.read("usr/bin/true") == b"usr/bin/true"
    assert shell.machine.files.read(KEPT, at_most=10) == b"kept"


def test_destroying_leaves_nothing_but_the_image(shell: Shell) -> None:
    shell.do("prepare", "start")
    keep(shell)
    shell.do("stop", "destroy")
    assert shell.machine.files.names(Path("/var/lib/limpet/guest")) == []
    assert not shell.look().kept


def test_the_folders_that_stay_can_be_seen_before_and_after_it_runs(shell: Shell) -> None:
    shell.apply(shell.tasks("store"))
    assert shell.tasks("store") == ()
    shell.do("prepare", "start")
    keep(shell)
    shell.do("stop")
    assert shell.machine.files.read(KEPT, at_most=10) == b"kept"


def test_the_death_of_its_first_process_is_seen(shell: Shell) -> None:
    shell.do("prepare", "start")
    guest_shell.ended(shell.machine.files, shell.plan.name)
    sight = shell.look()
    assert not sight.running
    assert sight.problem == "its first process has ended"
    assert sight.mounted


def test_a_process_with_the_number_of_the_dead_one_is_not_taken_for_it(shell: Shell) -> None:
    shell.do("prepare", "start")
    folder = Path("/proc", str(shell.look().init))
    with by_the_kernel(shell.machine.files):
        shell.machine.files.replace(folder / "environ", b"PATH=/bin\0")
    assert not shell.look().running
    with by_the_kernel(
        shell.machine.files
    ):  # a handler's process inside has the variable, and is not the first
        shell.machine.files.replace(folder / "environ", f"{VARIABLE}=first\0".encode())
        shell.machine.files.replace(folder / "status", b"State:\tS\nNSpid:\t1001\t17\n")
    assert not shell.look().running


def test_a_start_with_a_new_instance_follows_a_death(shell: Shell) -> None:
    shell.do("prepare", "start")
    guest_shell.ended(shell.machine.files, shell.plan.name)
    shell.instance = "second"
    shell.do("stop", "prepare", "start")
    assert shell.look().instance == "second"


def test_the_folder_of_its_news_is_bounded_and_nothing_but_the_news_outlives_it(shell: Shell) -> None:
    files, news = shell.machine.files, EXCHANGE / NEWS
    files.make_folder(news.parent)
    files.replace(news, b"{}")
    files.replace(news.parent / "fill", b"x" * 100_000)
    shell.do("prepare", "start")
    assert files.names(news.parent) == [news.name]
    bound = [call.argv for call in shell.machine.commands.ran if "tmpfs" in str(call.argv)]
    assert [argv[-2:] for argv in bound] == [(str(news.parent), str(news))]


def test_without_its_network_it_is_not_started_and_the_failure_says_why(shell: Shell) -> None:
    with by_the_kernel(shell.machine.files):
        shell.machine.files.remove(Path("/run/netns/limpet-guest"))
    shell.do("prepare")
    with pytest.raises(AssertionError, match="limpet-guest: No such file"):
        shell.do("start")
    assert not shell.look().running
    shell.do("stop")


def test_an_image_file_is_mounted_below_the_changes(shell: Shell) -> None:
    squashfs(shell.machine, Path("/opt/guest-shell/image.squashfs"))
    shell.image = Path("/opt/guest-shell/image.squashfs")
    shell.do("prepare", "start")
    assert shell.look().running
    assert len(shell.look().mounts) == 2
    shell.do("stop")
    assert not shell.look().mounts


def test_another_image_is_mounted_at_the_next_start_and_not_before(shell: Shell) -> None:
    shell.do("prepare", "start")
    squashfs(shell.machine, Path("/opt/new.squashfs"))
    shell.image = Path("/opt/new.squashfs")
    assert shell.look().running
    assert shell.look().problem is None
    shell.do("stop", "prepare", "start")
    assert shell.look().mounted
    assert len(shell.look().mounts) == 2


def test_what_is_run_inside_goes_through_the_runtime_as_it_is(shell: Shell) -> None:
    shell.do("prepare", "start")
    argv = ("sh", "-c", "exit 7", "--", "a b")
    assert shell.runtime.enter(shell.plan, shell.look(), argv)[-5:] == argv


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="there is no container runtime 'docker'"):
        runtime("docker", machine().files)


def end_state(shell: Shell) -> tuple[object, ...]:
    """All that matters at the end of a life, but for process numbers and dates."""
    sight = shell.look()
    store = Layout.of(shell.plan).container
    layers = (
        store / "changes",
        store / "work",
    )  # what is in them while the overlay is mounted is the kernel's
    stored_state = Layout.of(shell.plan).stored_state
    names = sorted(
        str(path)
        for path in shell.machine.files.nodes
        if path.parts[1:2] in {("var",), ("opt",)}
        and stored_state not in path.parents  # seen in two places, as long as it is bound
        and not (sight.mounted and any(layer in path.parents for layer in layers))
    )
    return (
        sight.mounted,
        sight.running,
        sight.instance,
        sight.problem,
        sight.changed or sight.mounted,
        names,
        KEPT in shell.machine.files.nodes,
    )


def lived(name: str, upto: int, cut: int | None, *, loops: bool) -> Shell:
    """A life up to a verb, which begins anew after a power cut before its change number `cut`."""
    shell = Shell(machine(loops=loops), name)
    shell.do(*LIFE[:upto])
    if 0 < upto < len(LIFE):
        keep(shell)
    if cut is None:
        shell.do(LIFE[upto])
        return shell
    shell.machine.battery.left = cut
    try:
        shell.do(LIFE[upto])
    except PowerCut:
        shell.machine.battery.left = None
        guest_shell.restarted(shell.machine.files)
        network(shell.machine)
        if LIFE[upto] == "start":
            shell.do("stop", "prepare")
        elif LIFE[upto] == "stop":
            shell.apply(shell.tasks("store"))
        shell.do(LIFE[upto])
    else:
        shell.machine.battery.left = None
        raise IndexError
    return shell


@pytest.mark.parametrize("upto", range(len(LIFE)), ids=LIFE)
@pytest.mark.parametrize(("name", "loops"), [("lxc", False), ("lxc", True), ("nspawn", False)])
def test_a_power_cut_before_any_change_is_made_good_by_the_same_plan(
    name: str, upto: int, *, loops: bool
) -> None:
    whole = end_state(lived(name, upto, None, loops=loops))
    cuts = 0
    while True:
        try:
            shell = lived(name, upto, cuts, loops=loops)
        except IndexError:
            break
        assert end_state(shell) == whole
        assert shell.tasks(LIFE[upto]) == ()
        cuts += 1
    assert cuts > 2
