"""Guest shells for real, by both runtimes, in a machine of the lab: the contract of test_contract.py, and what goes wrong.

A machine of the lab has no controllers of control groups: limits of memory, processor and processes are tested in VMs.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.system import shell_driver
from tests.system.conftest import say

from limpet.lab import recipes, requirements, rootfs
from limpet.lab.appliance.room import Appliance, Parts, Wish, appliance
from limpet.lab.clock import wait_for
from limpet.lab.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.commands import Result

pytestmark = pytest.mark.system

STATE = "/var/lib/limpet/guest/state"
RUNTIMES = ("lxc", "nspawn")
FILL = """
    dd if=/dev/zero of=/var/log/huge.1 bs=1M 2>&1
    for size in 64k 4k 512; do sync; dd if=/dev/zero of=/fill-$size bs=$size 2>&1; done
    exit 0
"""
"""To the last block: the kernel keeps some back until what was written before is on the disk."""


class Shell:
    """The guest shell of an appliance of the lab, by the commands that an operator has."""

    def __init__(self, made: Appliance, runtime: str, *settings: str) -> None:
        self.made = made
        self._settings = [f"guest_shell.runtime={runtime}", *settings]

    def ask(self, verb: str, *words: str, stdin: str = "", timeout: float = 120) -> Result:
        """`limpet guestshell`, with this runtime's settings."""
        return self.made.run(self.words(verb, *words), stdin=stdin, timeout=timeout)

    def words(self, verb: str, *words: str) -> list[str]:
        """Its command line."""
        chosen = [word for each in self._settings for word in ("--set", each)]
        return ["limpet", "guestshell", verb, *chosen, *words]

    def do(self, verb: str, *words: str) -> str:
        """The same; it must end with 0."""
        return self.ask(verb, *words).checked()

    def inside(self, script: str, *, stdin: str = "") -> Result:
        """A shell script inside."""
        return self.ask("run", "--", "sh", "-c", script, stdin=stdin)

    def status(self) -> dict[str, Any]:
        """How it is."""
        found: dict[str, Any] = json.loads(self.ask("status", "--json").stdout)
        return found

    def drive(self, word: str) -> str:
        """What the supervisor would do."""
        self.made.machine.write("/run/shell_driver.py", Path(shell_driver.__file__).read_bytes())
        return self.made.run(
            ["python3", "-ISB", "/run/shell_driver.py", word, *self._settings], timeout=120
        ).checked()

    def settle(self) -> str:
        """Wait until systemd inside has started everything."""
        return wait_for(self._settled, "the guest shell's systemd to start", timeout=180)

    def _settled(self) -> str | None:
        answer = self.inside("systemctl is-system-running").stdout.strip()
        return answer if answer in {"running", "degraded"} else None


@contextmanager
def booted(parts: Parts, *, loops: bool = False) -> Iterator[Appliance]:
    """An appliance that runs, with nothing of limpet started. loops: whether it has loop devices, of this machine."""
    with appliance(parts, Wish(disc=None)) as made:
        made.boot()
        if loops:
            give_loops(made)
        yield made


def give_loops(made: Appliance) -> None:
    """Nodes for this machine's loop devices. A device that is mounted in a machine is freed with it."""
    made.sh("mknod /dev/loop-control c 10 237; for i in $(seq 0 63); do mknod /dev/loop$i b 7 $i; done")


@pytest.fixture(params=RUNTIMES)
def shell(request: pytest.FixtureRequest, appliance_parts: Parts) -> Iterator[Shell]:
    """By each runtime, not started."""
    with booted(appliance_parts) as made:
        yield Shell(made, request.param)


@pytest.fixture
def bounded(appliance_parts: Parts) -> Iterator[Shell]:
    """By LXC, on a machine with loop devices: its volume has 96 MiB."""
    with booted(appliance_parts, loops=True) as made:
        yield Shell(made, "lxc", "guest_shell.disk=96")


def test_a_guest_shell_lives_from_the_first_start_to_its_end(shell: Shell) -> None:
    assert shell.ask("status").exit_code == 4
    shell.do("enable")
    assert shell.settle() == "running"
    found = shell.status()
    assert found["running"]
    assert found["wanted"] == "enabled"
    answer = shell.inside("cat; echo to stderr >&2; exit 7", stdin="from outside")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (7, "from outside", "to stderr\n")
    shell.inside(
        "echo kept > /var/lib/waagent/kept; echo home > /home/file; echo changed > /etc/changed"
    ).checked()
    shell.do("disable")
    assert not shell.status()["running"]
    shell.do("enable")
    assert shell.inside("cat /etc/changed /var/lib/waagent/kept").checked() == "changed\nkept\n"
    shell.do("destroy")
    shell.do("enable")
    assert shell.inside("cat /etc/changed").exit_code == 1
    assert shell.inside("cat /var/lib/waagent/kept /home/file").checked() == "kept\nhome\n"
    shell.do("destroy", "--all")
    assert not shell.made.machine.path(STATE).exists()
    assert shell.made.sh("grep limpet/guest /proc/self/mountinfo || true") == ""


def test_what_belongs_to_the_whole_machine_is_out_of_its_reach(shell: Shell) -> None:
    shell.do("enable")
    shell.settle()
    script = """
        date -s 2001-01-01 >/dev/null 2>&1 && echo clock
        echo 1 > /sys/block/$(ls /sys/block | head -n 1)/queue/nomerges 2>/dev/null && echo sysfs
        echo 1 > /proc/sys/kernel/panic 2>/dev/null && echo sysctl
        echo h > /proc/sysrq-trigger 2>/dev/null && echo sysrq
        mknod /dev/disk b 254 0 2>/dev/null && echo device
        dmesg >/dev/null 2>&1 && echo log
        ip addr add 10.9.9.9/32 dev lo 2>/dev/null && echo address
        head -c 1 /dev/mem >/dev/null 2>&1 && echo memory
        find /dev -type b
        touch /var/lib/limpet/appliance/grant.json 2>/dev/null && echo grant
        exit 0
    """
    assert shell.inside(script).stdout == ""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_where_it_is_wanted_root_inside_may_change_its_own_network_and_nothing_more(
    runtime: str, appliance_parts: Parts
) -> None:
    with booted(appliance_parts) as made:
        shell = Shell(made, runtime, "guest_shell.network_admin=true")
        shell.do("enable")
        shell.settle()
        script = """
            ip addr add 10.9.9.9/32 dev lo && echo address
            nft add table ip mine && echo rules
            date -s 2001-01-01 >/dev/null 2>&1 && echo clock
            echo 1 > /proc/sys/kernel/panic 2>/dev/null && echo sysctl
            mknod /dev/disk b 254 0 2>/dev/null && echo device
            exit 0
        """
        wanted = ["address", "rules"] if shell.inside("command -v nft").exit_code == 0 else ["address"]
        assert shell.inside(script).stdout.split() == wanted
        assert "10.9.9.9" in made.sh("ip -n limpet-guest addr")
        assert "10.9.9.9" not in made.sh("ip addr")


def test_the_exchange_folder_can_be_read_and_its_lock_locked_and_news_written(shell: Shell) -> None:
    shell.do("enable")
    shell.made.machine.write("/run/limpet/appliance/fabric.lock", "")
    folder = "/var/lib/limpet/appliance"
    assert shell.inside(f"flock --nonblock {folder}/fabric.lock echo locked").stdout == "locked\n"
    shell.inside(f"echo news > {folder}/out/agent.json").checked()
    assert shell.made.machine.read("/run/limpet/appliance/out/agent.json") == "news\n"


def test_what_was_told_before_it_starts_stays_to_be_read(shell: Shell) -> None:
    shell.made.machine.write("/run/limpet/appliance/out/agent.json", "told by another\n")
    shell.made.machine.write("/run/limpet/appliance/out/more", "not news\n")
    shell.do("enable")
    assert shell.made.sh("cd /run/limpet/appliance/out && ls && cat *") == "agent.json\ntold by another\n"


def test_a_command_has_the_terminal_that_it_is_called_from(shell: Shell) -> None:
    shell.do("enable")
    words = shell.words("run", "--", "sh", "-c", "test -t 0 && test -t 1 && echo terminal; exit 3")
    spawn = f"import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn({words!r}, stdin_read=lambda fd: b'')))"
    answer = shell.made.run(["python3", "-c", spawn])
    assert answer.exit_code == 3, answer.stderr
    assert "terminal" in answer.stdout


def test_it_is_known_again_when_its_systemd_executes_itself_anew(shell: Shell) -> None:
    shell.do("enable")
    shell.settle()
    before = shell.status()["init"]
    shell.inside("systemctl daemon-reexec").checked()
    assert shell.settle() == "running"
    assert shell.status()["init"] == before


def test_when_its_first_process_is_killed_it_is_seen_and_started_again(shell: Shell) -> None:
    shell.do("enable")
    shell.settle()
    found = shell.status()
    shell.made.sh(f"kill -KILL {found['init']}")
    wait_for(lambda: not shell.status()["running"], "the death to be seen", timeout=60)
    assert shell.status()["problem"] == "its first process has ended"
    assert shell.inside("true").exit_code == 4
    shell.do("enable")
    assert shell.settle() == "running"
    assert shell.status()["instance"] != found["instance"]


def test_a_root_file_system_that_was_destroyed_from_inside_is_made_anew_with_its_state(shell: Shell) -> None:
    shell.do("enable")
    shell.settle()
    shell.inside(
        "echo kept > /var/lib/waagent/kept; rm -rf --no-preserve-root /usr/lib /usr/bin /usr/sbin; exit 0"
    )
    assert shell.inside("systemctl status").exit_code != 0
    shell.do("destroy")
    shell.do("enable")
    assert shell.settle() == "running"
    assert shell.inside("cat /var/lib/waagent/kept").checked() == "kept\n"


def test_after_a_power_cut_it_is_started_with_what_it_had(shell: Shell) -> None:
    shell.do("enable")
    shell.inside("echo kept > /var/lib/waagent/kept; sync").checked()
    shell.made.power_cut()
    shell.made.boot()
    assert not shell.status()["running"]
    assert shell.status()["problem"] is None
    shell.do("enable")
    assert shell.settle() == "running"
    assert shell.inside("cat /var/lib/waagent/kept").checked() == "kept\n"


def test_a_guest_that_fills_its_disk_fills_no_other_and_gets_room_to_report(bounded: Shell) -> None:
    bounded.do("enable")
    bounded.settle()
    assert "reserve" in bounded.drive("relief")
    before = os.statvfs(bounded.made.machine.path("/var/lib/limpet")).f_bavail
    answer = bounded.inside(FILL)
    assert "No space left on device" in answer.stdout
    after = os.statvfs(bounded.made.machine.path("/var/lib/limpet"))
    assert (before - after.f_bavail) * after.f_frsize < 100 * 1024 * 1024
    assert bounded.inside("echo status > /var/lib/waagent/status").exit_code != 0
    assert "done" in bounded.drive("relief")
    bounded.inside("echo status > /var/lib/waagent/status").checked()
    assert bounded.status()["running"]


def test_logs_that_have_grown_too_large_are_cut_and_their_ends_are_kept(appliance_parts: Parts) -> None:
    with booted(appliance_parts) as made:
        shell = Shell(made, "lxc", "guest_shell.log=8")
        shell.do("enable")
        assert shell.settle() == "running"
        assert shell.inside("systemctl is-active limpet-logs.timer").stdout == "active\n"
        shell.inside(
            "yes | head -c 9000000 > /var/log/loud.log; echo the end >> /var/log/loud.log; cp /var/log/loud.log /var/log/old.1"
        )
        shell.inside("systemctl start limpet-logs").checked()
        said = shell.inside(
            "tail -n 1 /var/log/loud.log; ls /var/log/old.1; du -sm --exclude=journal /var/log | cut -f 1"
        )
        assert said.stdout.splitlines()[0] == "the end"
        assert "old.1" not in said.stdout
        assert int(said.stdout.split()[-1]) <= 4


@pytest.fixture(scope="session")
def image_file() -> Path:
    """The guest shell's image as a squashfs file, made once."""
    requirements.require()

    def pack(folder: Path) -> None:
        tree = rootfs.root_file_system(recipes.GUEST_SHELL, rootfs.default_cache(), say)
        folder.mkdir()
        run(
            ["mksquashfs", str(tree), str(folder / "guest.squashfs"), "-comp", "lz4", "-quiet"], timeout=300
        ).checked()

    fingerprint = recipes.GUEST_SHELL.fingerprint()
    return rootfs.built(rootfs.default_cache(), f"squashfs-{fingerprint}", pack, say=say) / "guest.squashfs"


def test_a_damaged_image_is_found_and_the_last_one_that_worked_is_started(
    bounded: Shell, image_file: Path
) -> None:
    content = image_file.read_bytes()
    place = bounded.made.machine.path("/var/lib/limpet")
    (place / "good.squashfs").write_bytes(content)
    bounded.do("upgrade", "/var/lib/limpet/good.squashfs")
    bounded.do("enable")
    assert bounded.settle() == "running"
    assert bounded.status()["image"]["slot"] == "a"
    bounded.drive("confirm")
    assert bounded.status()["image"]["confirmed"] == "a"

    bounded.do("upgrade", "/var/lib/limpet/good.squashfs")
    assert bounded.status()["image"]["tried"] == "b"
    bounded.do("disable")
    slot = place / "guest/images/b/root.squashfs"
    damaged = bytearray(content)
    damaged[len(damaged) // 2 : len(damaged) // 2 + 4096] = bytes(4096)
    slot.write_bytes(damaged)
    assert "damaged" in bounded.drive("suspect")
    assert bounded.status()["image"]["slot"] == "a"
    bounded.do("enable")
    assert bounded.settle() == "running"

    bounded.do("upgrade", "/var/lib/limpet/good.squashfs")
    slot.write_bytes(content[:-5000])  # cut short: seen without reading it
    found = bounded.status()["image"]
    assert found["slot"] == "a"
    assert "is not" in found["passed"][0]
