"""The machine room itself: it boots, keeps everything in, and leaves nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from limpet.lab import cgroups
from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, run
from limpet.lab.machine import IDLE
from limpet.lab.netns import Network, assert_no_way_out
from limpet.lab.room import Room, room
from limpet.lab.workspace import BASE, NETWORKS, sweep

pytestmark = pytest.mark.system

KNOCK = (
    "import socket, sys\n"
    "try: socket.create_connection((sys.argv[1], 9), timeout=float(sys.argv[2]))\n"
    "except OSError as error: print(error.strerror or error)\n"
)


def knock(where: Network, address: str, *, patience: float = 20.0) -> str:
    """What happens to a connection to a port where nobody listens: refused, if the address is reached."""
    return where.run([sys.executable, "-c", KNOCK, address, str(patience)]).checked().strip()


def traces(name: str) -> list[str]:
    """What this machine still has of a run."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    folders = [BASE, NETWORKS, cgroups.unified_hierarchy()]
    found = [str(entry) for folder in folders for entry in folder.iterdir() if entry.name.startswith(name)]
    return found + [line for line in mounts.splitlines() if name in line]


def test_a_machine_starts_its_services_and_none_fails(empty_room: Room, layers: list[Path]) -> None:
    machine, port = empty_room.machine(layers)
    machine.boot()
    assert machine.settle() == "running"
    assert machine.run(["hostname"]).checked() == "vm0\n"
    assert port.address in machine.run(["ip", "-4", "addr", "show", "eth0"]).checked()


def test_a_machine_keeps_its_files_over_a_reboot(empty_room: Room, layers: list[Path]) -> None:
    machine, _ = empty_room.machine(layers)
    machine.boot()
    machine.settle()
    machine.write("/var/lib/kept", "kept")
    machine.run(["systemctl", "reboot"])
    machine.await_end()
    assert machine.reboots()
    machine.boot()
    assert machine.read("/var/lib/kept") == "kept"
    machine.power_off()
    assert not machine.running
    assert not machine.reboots()


def test_a_machine_without_services_runs_commands(empty_room: Room, layers: list[Path]) -> None:
    machine, _ = empty_room.machine(layers)
    machine.boot(IDLE)
    assert machine.run(["cat"], stdin="in and out").checked() == "in and out"
    assert machine.run(["sh", "-c", "echo no >&2; exit 3"]).exit_code == 3
    with pytest.raises(LabError, match=r"did not end within 0\.1 s"):
        machine.run(["sleep", "60"], timeout=0.1)


def test_a_command_that_is_kept_running_ends_with_its_block(empty_room: Room, layers: list[Path]) -> None:
    machine, _ = empty_room.machine(layers)
    machine.boot(IDLE)
    with machine.start(["sh", "-c", "echo started; exec sleep 600"], output="/var/log/sleeper"):
        machine.await_text("/var/log/sleeper", "started")
        assert "sleep 600" in machine.run(["ps", "ax"]).checked()
    wait_for(lambda: "sleep 600" not in machine.run(["ps", "ax"]).checked(), "it to end", timeout=120)


def test_the_fabric_answers_its_guests_at_the_platforms_addresses(
    empty_room: Room, layers: list[Path]
) -> None:
    machine, port = empty_room.machine(layers)
    machine.boot(IDLE)
    for address in ("10.0.0.1", "168.63.129.16", "169.254.169.254"):
        assert knock(port.network, address) == "Connection refused"
    assert knock(port.network, "192.0.2.1", patience=1) != "Connection refused"


def test_guests_of_one_fabric_reach_each_other_and_those_of_another_do_not(empty_room: Room) -> None:
    first, second = empty_room.port(), empty_room.port()
    assert knock(first.network, second.address) == "Connection refused"
    with room() as other:
        stranger = other.port()
        assert stranger.address == first.address
        assert knock(stranger.network, second.address, patience=1) != "Connection refused"


def test_nothing_leaves_the_fabric(empty_room: Room) -> None:
    assert_no_way_out(empty_room.fabric)
    for address in ("192.0.2.1", "2001:db8::1"):
        assert knock(empty_room.fabric, address) == "Network is unreachable"


def test_a_fabric_with_a_way_out_starts_nothing(empty_room: Room) -> None:
    empty_room.fabric.ip("route add default via 10.0.0.9")
    with pytest.raises(LabError, match=r"has a way out by 10\.0\.0\.9"):
        empty_room.emulator()


def test_the_platforms_addresses_are_not_on_this_machine(empty_room: Room) -> None:
    ours = run(["ip", "address"]).checked()
    assert "168.63.129.16" not in ours
    assert "169.254.169.254" not in ours


def test_a_guest_cannot_change_the_kernel_it_shares(empty_room: Room, layers: list[Path]) -> None:
    machine, _ = empty_room.machine(layers)
    machine.boot(IDLE)
    refused = [
        machine.run(["sh", "-c", command]).exit_code
        for command in (
            "echo 1 > /proc/sys/kernel/panic",
            "echo 0 > /sys/kernel/mm/ksm/run || touch /sys/x",
            "date --set 2001-01-01",
        )
    ]
    assert all(refused)
    assert machine.run(["sysctl", "-w", "net.ipv4.ip_forward=1"]).exit_code == 0


def test_a_room_leaves_nothing_behind_after_an_exception(layers: list[Path]) -> None:
    name = ""

    def fail() -> None:
        nonlocal name
        with room() as made:
            name = made.workspace.name
            machine, _ = made.machine(layers)
            machine.boot()
            assert traces(name)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not traces(name)


def test_what_a_killed_lab_left_is_swept_by_the_next(layers: list[Path]) -> None:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom limpet.lab.room import room\n"
        "with room() as made:\n"
        "    machine, _ = made.machine([Path(layer) for layer in sys.argv[1:]])\n"
        "    machine.boot()\n"
        "    print(made.workspace.name, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = run([sys.executable, "-c", program, *map(str, layers)], timeout=180)
    name = killed.stdout.strip()
    assert killed.exit_code == -9
    assert traces(name)
    sweep()
    assert not traces(name)


def test_limpet_is_installed_in_the_layer_and_compiled(empty_room: Room, layers: list[Path]) -> None:
    machine, _ = empty_room.machine(layers)
    machine.boot(IDLE)
    program = (
        "import sys; sys.path.insert(0, '/opt/limpet/lib'); import limpet, urllib3; "
        "print(limpet.__file__, limpet.__cached__, urllib3.__version__ >= '2')"
    )
    shown = machine.run(["python3", "-IS", "-c", program]).checked()
    file, cached, new_enough = shown.split()
    assert file == "/opt/limpet/lib/limpet/__init__.py"
    assert machine.path(cached).is_file()
    assert new_enough == "True"
    assert machine.path("/usr/bin/limpet").stat().st_mode & 0o111
