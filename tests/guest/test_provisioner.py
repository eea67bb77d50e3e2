"""Who provisions."""

from __future__ import annotations

from pathlib import Path

import pytest

from limpet.guest.provisioner import CloudInitFacts, choose_provisioner
from limpet.host.facts import cloud_init
from limpet.host.fake import FakeMachine

ENABLED = CloudInitFacts(enabled="/run/cloud-init/enabled")
OFF = CloudInitFacts()
LINK = "/etc/systemd/system/cloud-init.target.wants/cloud-init-local.service"
UNIT = "/lib/systemd/system/cloud-init-local.service"
PROGRAM = "/usr/bin/cloud-init"


@pytest.mark.parametrize(
    ("wanted", "facts", "who", "refused"),
    [
        ("auto", ENABLED, "cloud-init", False),
        ("auto", OFF, "limpet", False),
        ("limpet", OFF, "limpet", False),
        ("limpet", ENABLED, "limpet", True),
        ("cloud-init", ENABLED, "cloud-init", False),
        ("cloud-init", OFF, "cloud-init", True),
        ("disabled", ENABLED, "nobody", False),
        ("disabled", OFF, "nobody", False),
    ],
)
def test_one_agent_provisions(wanted: str, facts: CloudInitFacts, who: str, refused: bool) -> None:
    choice = choose_provisioner(wanted, facts)
    assert choice.who == who
    assert (choice.problem is not None) is refused


@pytest.mark.parametrize(
    ("files", "runs"),
    [
        ((), False),
        ((LINK, UNIT), True),
        ((LINK, "/usr/lib/systemd/system/cloud-init-local.service"), True),
        (("/run/cloud-init/enabled",), True),
        (("/etc/rc2.d/S05cloud-init-local", PROGRAM), True),
        (("/etc/rc2.d/K05cloud-init-local", PROGRAM), False),
        ((LINK, UNIT, "/etc/cloud/cloud-init.disabled"), False),
        ((LINK, UNIT, "/run/cloud-init/disabled"), False),
        ((UNIT, PROGRAM), False),
        # What is left of a package that was removed and not purged.
        ((LINK, "/etc/rc2.d/S05cloud-init-local", "/etc/init.d/cloud-init-local"), False),
    ],
)
def test_whether_cloud_init_runs_is_seen_from_files(files: tuple[str, ...], runs: bool) -> None:
    machine = FakeMachine()
    for path in map(Path, files):
        machine.files.make_folder(path.parent)
        machine.files.replace(path, b"")
    assert cloud_init.look(machine.files).runs is runs
    assert not machine.commands.ran


def test_the_kernel_and_a_mask_turn_cloud_init_off() -> None:
    machine = FakeMachine()
    for path in (Path(LINK), Path(UNIT), Path("/proc/cmdline")):
        machine.files.make_folder(path.parent)
        machine.files.replace(path, b"root=/dev/sda1 quiet cloud-init=disabled\n")
    assert not cloud_init.look(machine.files).runs
    machine.files.replace(Path("/proc/cmdline"), b"cloud-init=disabled2")
    assert cloud_init.look(machine.files).runs
    machine.files.link(Path("/etc/systemd/system/cloud-init-local.service"), Path("/dev/null"))
    assert not cloud_init.look(machine.files).runs
