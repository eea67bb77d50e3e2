"""The driver ``iosxe``: what is put onto a router's flash, when, and what is waited for."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.appliance.networkos.iosxe_cases import (
    CONTROLLER,
    SECTIONS,
    VM_ID,
    environment,
    lease,
    mac_of,
    site,
)

from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.wanted import WANTED, Wanted, noting, wanted
from limpet.appliance.networkos.drivers import network_os
from limpet.appliance.networkos.iosxe.cvac import Progress
from limpet.appliance.networkos.iosxe.driver import (
    BUSY,
    GATEWAY,
    JOBS,
    LOCK,
    REFUSED,
    SAID,
    IosXeNetworkOs,
    known_gateway,
    resources_of,
)
from limpet.appliance.networkos.iosxe.wait import main, wait
from limpet.appliance.networkos.kernel import KernelNetworkOs
from limpet.config.settings import Config
from limpet.guest.namespaces import HOST, Seen
from limpet.guest.steps import MakeFolder, Remove, Run, Task, Write
from limpet.guest.translation import NOTE, DayZero
from limpet.host.fake import FakeClock, FakeMachine
from limpet.host.fake_files import FakeFiles

if TYPE_CHECKING:
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Step

NOTHING_SEEN = Seen(namespaces={HOST: ()})
FLASH = Path("/bootflash")


@dataclass(frozen=True, kw_only=True, slots=True)
class Below(KernelNetworkOs):
    """A vendor's programs, of which only what is started counts."""

    tasks: tuple[Task, ...] = field(
        default=(Task(name="vendor", purpose="start", steps=(Run(("vendor", "start")),)),)
    )

    def start(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        return self.tasks

    def dress(self, nic: Nic, lease: Any, site: Site, seen: Seen) -> tuple[Step, ...]:
        return (Run(("vendor", "dress", nic.name)),)

    def command(self, line: str) -> Run:
        return Run(("vendor", "command"), stdin=line.encode())


def driver(**other: Any) -> IosXeNetworkOs:
    return IosXeNetworkOs(**{"below": Below(), "vendor": True, "bootflash": FLASH, **other})


def asked(custom: bytes | None = SECTIONS, **other: Any) -> DayZero:
    return DayZero(vm_id=VM_ID, environment=environment(custom=custom, **other), site=site(2))


def applied(machine: FakeMachine, *tasks: Task) -> None:
    interpreter = machine.interpreter
    assert not [each.describe() for each in interpreter.apply(tasks) if each.failed]


def test_day_zero_lies_on_the_flash_for_root_alone_before_it_counts_as_done() -> None:
    (task,) = driver().day_zero(asked())
    writes = [step for step in task.steps if isinstance(step, Write)]
    assert [str(step.path) for step in writes] == [
        "/bootflash/iosxe_config.txt",
        str(SAID),
        str(GATEWAY),
        str(JOBS),
        str(NOTE),
    ]
    assert {step.mode for step in writes} == {0o600}
    assert isinstance(task.steps[0], MakeFolder)


def test_day_zero_is_done_once_for_a_vm() -> None:
    assert driver().day_zero(replace(asked(), made_for=f"{VM_ID.lower()}")) == ()
    assert driver().day_zero(replace(asked(), made_for="another")) != ()


def test_what_an_earlier_vm_left_is_taken_away_first() -> None:
    (task,) = driver().day_zero(asked())
    removed = [str(step.path) for step in task.steps if isinstance(step, Remove)]
    assert removed == ["/bootflash/ciscosdwan_cloud_init.cfg", "/bootflash/cvac.log"]
    (task,) = driver().day_zero(asked(CONTROLLER))
    removed = [str(step.path) for step in task.steps if isinstance(step, Remove)]
    assert removed == ["/bootflash/iosxe_config.txt", "/bootflash/cvac.log"]


def test_remarks_on_custom_data_are_the_advice() -> None:
    (task,) = driver().day_zero(asked(b"Section: IOS configuration\nno iox\n"))
    assert task.advice == "line 2: it switches off the guest shell's service (iox)"


def test_what_the_router_was_told_and_what_is_doubtful_stays_to_be_read_without_a_secret() -> None:
    machine = FakeMachine()
    strange = SECTIONS + b"Section: of another vendor\nno iox\n"
    applied(machine, *driver().day_zero(asked(strange, password="hidden-9")))
    said = machine.files.read(SAID, at_most=1 << 20).decode()
    assert "hostname router-1" in said
    assert "this section is none of IOS configuration, Scripts, Python package and License: left out" in said
    assert "tell-nobody" not in said
    assert "hidden-9" not in said
    assert "$9$" not in said


def test_no_secret_is_in_the_description_of_a_plan() -> None:
    for task in driver().day_zero(asked()):
        text = task.advice + repr(task) + "".join(step.describe() for step in task.steps)
        assert "tell-nobody" not in text
        assert "$9$" not in text


@pytest.mark.parametrize(
    ("day_zero", "problem"),
    [
        (asked(b"\0"), "custom data: line 1 has a zero byte"),
        (asked(host="---"), "host name: it has no letter or digit"),
        (asked(user="a b"), "user name: IOS takes"),
    ],
)
def test_what_cannot_be_used_is_a_problem_of_the_plan(day_zero: DayZero, problem: str) -> None:
    (task,) = driver().day_zero(day_zero)
    assert task.problem is not None
    assert task.problem.startswith(problem)
    assert task.steps == ()


def test_day_zero_without_a_known_site_is_for_one_nic_without_a_gateway() -> None:
    (task,) = driver().day_zero(replace(asked(None), site=None))
    assert "the lease of the primary NIC names no gateway" in task.advice


def test_a_day_zero_cut_by_a_power_loss_is_completed_by_the_same_plan() -> None:
    (task,) = driver().day_zero(asked())
    whole = FakeMachine()
    applied(whole, task)
    for count in range(len(task.steps)):
        machine = FakeMachine()
        applied(machine, replace(task, steps=task.steps[:count]))
        assert NOTE not in machine.files.nodes
        applied(machine, task)
        for path in (FLASH / "iosxe_config.txt", GATEWAY, JOBS, NOTE):
            assert machine.files.nodes[path].content == whole.files.nodes[path].content
            assert machine.files.nodes[path].mode == 0o600


def test_what_the_guest_shell_is_to_do_is_kept_for_root() -> None:
    machine = FakeMachine()
    applied(machine, *driver().day_zero(asked()))
    assert json.loads(machine.files.read(JOBS, at_most=9999)) == {
        "version": 1,
        "commands": ["guestshell enable"],
        "packages": [
            {"name": "csr_azure_ha", "version": "3.1.0", "user": True},
            {"name": "ncclient", "version": None, "user": False},
        ],
        "scripts": [{"url": "https://example.com/setup.py?sig=token", "arguments": ["--id", "tell-nobody"]}],
    }


def configuration(*lines: str) -> bytes:
    return "\n".join(("Section: IOS configuration", *lines)).encode()


@pytest.mark.parametrize(
    ("custom", "asks"),
    [
        (b"Section: Scripts\nhttps://example.com/setup.py\n", True),
        (b"Section: Python package\nncclient\n", True),
        (configuration("do guestshell enable"), True),
        (configuration("GuestShell Enable"), True),
        (
            configuration("app-hosting appid guestshell", " app-vnic gateway1 virtualportgroup 0", " start"),
            True,
        ),
        (configuration("app-hosting appid other", " start"), False),
        (configuration("hostname r", "banner motd ^C guestshell enable", "guestshell enable", "^C"), False),
        (configuration("! guestshell enable"), False),
        (b"Section: Python package\n", False),
        (b"Section: License\nTechPackage:ax\n", False),
        (None, False),
    ],
)
def test_a_guest_shell_that_is_off_is_enabled_where_custom_data_asks_for_it(
    custom: bytes | None, asks: bool
) -> None:
    machine = FakeMachine()
    applied(machine, Task(name="off", purpose="", steps=noting(Wanted.DISABLED)))
    made = driver(guest_shell=lambda: wanted(machine.files))
    applied(machine, *made.day_zero(asked(custom)))
    assert wanted(machine.files) is (Wanted.ENABLED if asks else Wanted.DISABLED)
    said = machine.files.read(SAID, at_most=1 << 20).decode()
    assert ("then: guestshell enable\n" in said) == asks
    assert ("the guest shell was disabled, and is enabled" in said) == asks
    assert json.loads(machine.files.read(JOBS, at_most=9999))["commands"] == (
        ["guestshell enable"] if asks else []
    )


def test_a_guest_shell_that_is_on_stays_as_it_is_and_the_log_says_so() -> None:
    machine = FakeMachine()
    applied(machine, *driver(guest_shell=lambda: wanted(machine.files)).day_zero(asked()))
    assert STORE / WANTED not in machine.files.nodes
    assert "note: the guest shell is enabled already\n" in machine.files.read(SAID, at_most=1 << 20).decode()


def test_an_operator_who_disables_it_later_is_heeded() -> None:
    machine = FakeMachine()
    made = driver(guest_shell=lambda: wanted(machine.files))
    applied(machine, *made.day_zero(asked()))
    applied(machine, Task(name="off", purpose="", steps=noting(Wanted.DISABLED)))
    applied(machine, *made.day_zero(replace(asked(), made_for=VM_ID)))
    assert wanted(machine.files) is Wanted.DISABLED


WAITING = Run(
    (
        *("flock", "--nonblock", "--conflict-exit-code", "75", "/run/limpet/iosxe.lock"),
        *("/usr/bin/python3", "-m", "limpet.appliance.networkos.iosxe.wait", "/bootflash", "900"),
    ),
    timeout=930.0,
    accepted=(0, 1),
)


def test_the_primary_nic_waits_until_a_vendors_router_is_configured() -> None:
    made = driver(
        waiting=lambda module, *words: ("/usr/bin/python3", "-m", module, *words),
        gateway=lambda: IPv4Address("10.0.1.1"),
    )
    nics = {nic.mac: nic for nic in site(2).nics}
    assert made.dress(nics[mac_of(1)], lease(1), site(2), NOTHING_SEEN)[-1] == WAITING
    assert made.dress(nics[mac_of(2)], lease(2), site(2), NOTHING_SEEN) == (Run(("vendor", "dress", "eth1")),)


def test_the_program_that_waits_is_found_wherever_limpet_lies(tmp_path: Path) -> None:
    (primary,) = (nic for nic in site().nics if nic.primary)
    steps = driver(bootflash=tmp_path).dress(primary, lease(1), site(), NOTHING_SEEN)
    (waiting,) = (step for step in steps if isinstance(step, Run) and str(tmp_path) in step.argv)
    (tmp_path / "iosxe_config.txt").write_text("hostname a\n")
    (tmp_path / "cvac.log").write_text("%CVAC-4-CLI_FAILURE: 'x y' was rejected\n%CVAC-4-CONFIG_DONE: done\n")
    argv = waiting.argv[5:]  # behind flock's own words
    done = subprocess.run(argv, capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"}, cwd="/")
    assert done.returncode == REFUSED, done.stderr
    assert b"1 lines refused: 'x y" in done.stderr


def test_a_namespace_that_stands_for_a_router_is_not_waited_for() -> None:
    made = IosXeNetworkOs(below=KernelNetworkOs())
    (primary,) = (nic for nic in site().nics if nic.primary)
    seen = Seen(namespaces={HOST: (), "limpet-nos": (), "limpet-guest": ()})
    expected = KernelNetworkOs().dress(primary, lease(1), site(), seen)
    assert made.dress(primary, lease(1), site(), seen) == expected
    assert made.start(site(), NOTHING_SEEN) == KernelNetworkOs().start(site(), NOTHING_SEEN)


def test_a_command_holds_the_lock_that_day_zero_holds() -> None:
    run = driver().command("show version")
    assert run.argv == (
        "flock",
        "--nonblock",
        "--conflict-exit-code",
        str(BUSY),
        str(LOCK),
        "vendor",
        "command",
    )
    assert run.stdin == b"show version"


def test_a_router_that_was_configured_after_the_supervisors_start_is_told_nothing_more() -> None:
    machine = FakeMachine()
    machine.files.make_folder(Path("/opt/acme"))
    made = network_os(Config(network_os="iosxe", programs=Path("/opt/acme")), machine.files)
    assert isinstance(made, IosXeNetworkOs)
    applied(machine, *made.day_zero(asked()))
    assert made.gateway() == IPv4Address("10.0.1.1")


def test_the_way_out_of_the_guest_follows_the_lease() -> None:
    (primary,) = (nic for nic in site().nics if nic.primary)
    steps = driver(gateway=lambda: IPv4Address("10.0.9.1")).dress(primary, lease(1), site(), NOTHING_SEEN)
    assert [step.stdin for step in steps if isinstance(step, Run)][2:] == [
        (
            b"configure terminal ; no ip route vrf GS 0.0.0.0 0.0.0.0 GigabitEthernet1 10.0.9.1 global ; "
            b"ip route vrf GS 0.0.0.0 0.0.0.0 GigabitEthernet1 10.0.1.1 global ; end ; write memory"
        )
    ]
    assert steps[-1] == Write(GATEWAY, b"10.0.1.1\n", mode=0o600)


def test_a_gateway_that_is_the_same_or_unknown_is_not_written_again() -> None:
    made = driver(gateway=lambda: IPv4Address("10.0.1.1"))
    (primary,) = (nic for nic in site().nics if nic.primary)
    for held in (lease(1), None, replace(lease(1), routes=())):
        steps = made.dress(primary, held, site(), NOTHING_SEEN)
        assert [step for step in steps if isinstance(step, Write)] == []
        assert len([step for step in steps if isinstance(step, Run)]) == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"10.0.1.1\n", IPv4Address("10.0.1.1")),
        (b"\n", None),
        (b"nonsense", None),
        (b"1" * 99, None),
        (None, None),
    ],
)
def test_the_gateway_in_the_routers_configuration_is_known(
    content: bytes | None, expected: IPv4Address | None
) -> None:
    files = FakeMachine().files
    if content is not None:
        files.make_folder(GATEWAY.parent)
        files.replace(GATEWAY, content)
    assert known_gateway(files) == expected


def test_the_guest_gets_no_more_than_iox_can_be_told() -> None:
    assert (resources_of(512, 2048).memory, resources_of(512, 2048).disk) == (512, 2048)
    assert (resources_of(99999, 99999).memory, resources_of(99999, 99999).disk) == (4096, 8192)


class Log(FakeFiles):
    """A log that grows with every look."""

    def __init__(self, *parts: bytes) -> None:
        super().__init__(FakeClock())
        self.make_folder(FLASH)
        self.replace(FLASH / "iosxe_config.txt", b"hostname r\n")
        self.parts = list(parts)

    def read(self, path: Path, *, at_most: int) -> bytes:
        return self.parts.pop(0) if len(self.parts) > 1 else self.parts[0]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((b"", b"", b"%CVAC-7-CONFIG_FOUND: x\n", b"%CVAC-4-CONFIG_DONE: x\n"), Progress.DONE),
        ((b"%CVAC-3-CONFIG_ERROR: 1 error(s)\n",), Progress.FAILED),
        ((b"%CVAC-7-CONFIG_FOUND: x\n",), Progress.RUNNING),
        ((b"",), Progress.WAITING),
    ],
)
def test_the_loader_is_waited_for_until_it_says_an_end_or_time_is_up(
    parts: tuple[bytes, ...], expected: Progress
) -> None:
    clock = FakeClock()
    begun = clock.monotonic()
    assert wait(FLASH, 60.0, Log(*parts), clock).progress is expected
    assert clock.monotonic() - begun <= 61.0


@pytest.mark.parametrize(
    ("content", "code"),
    [("%CVAC-4-CONFIG_DONE: x\n", 0), ("%CVAC-3-CONFIG_ERROR: 1 error(s)\n", 1), ("", 75)],
)
def test_how_it_ended_is_the_exit_code(content: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "iosxe_config.txt").write_text("hostname r\n")
    (tmp_path / "cvac.log").write_text(content)
    assert main([str(tmp_path), "0"]) == code


def test_a_router_under_sdwan_has_no_loader_to_wait_for(tmp_path: Path) -> None:
    (tmp_path / "ciscosdwan_cloud_init.cfg").write_bytes(CONTROLLER)
    assert main([str(tmp_path), "0"]) == 0


@pytest.mark.parametrize("argv", [[], ["x"], ["x", "y"]])
def test_wrong_usage_is_told(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "usage" in capsys.readouterr().err
