"""`limpet deprovision` on a machine with real accounts, real sudo rules and a systemd that runs the agent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.lab.machine import Machine
    from limpet.lab.room import Room

pytestmark = pytest.mark.system

OVF = """\
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure">
<wa:ProvisioningSection><wa:LinuxProvisioningConfigurationSet><wa:HostName>vm0</wa:HostName>
<wa:UserName>alice</wa:UserName></wa:LinuxProvisioningConfigurationSet></wa:ProvisioningSection>
<wa:PlatformSettingsSection><wa:PlatformSettings/></wa:PlatformSettingsSection></Environment>
"""


@pytest.fixture
def provisioned(empty_room: Room, layers: list[Path]) -> Machine:
    """A machine that looks used: a user, host keys, handlers, one of whom has left traps."""
    machine, _ = empty_room.machine(layers)
    machine.boot()
    machine.settle()
    script = """
set -e
useradd --create-home alice
useradd --create-home alicia
echo 'alice:secret' | chpasswd
echo 'root:secret' | chpasswd
mkdir -p /var/lib/waagent/Contoso.Hello-1.0.0/config /var/log/azure/Contoso.Hello /srv/data /var/lib/limpet
printf 'alice ALL=(ALL) ALL\\nalicia ALL=(alice) ALL\\n' > /etc/sudoers.d/waagent
chmod 0440 /etc/sudoers.d/waagent
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
echo precious > /srv/data/file
ln -s /srv/data /var/lib/waagent/trap
ln -s /srv/data /home/alice/trap
touch "/var/lib/waagent/$(printf '\\033[2J\\377name')" /var/lib/limpet/provisioned.json /var/log/waagent.log
systemd-run --quiet --unit=limpet-agent.service sleep 86399
"""
    machine.run(["sh", "-c", script]).checked()
    machine.write("/var/lib/waagent/ovf-env.xml", OVF)
    return machine


def deprovision(machine: Machine, *options: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(
        machine.run(["limpet", "deprovision", "--json", *options], timeout=60).stdout
    )
    return said


def test_everything_of_the_vm_is_gone_afterwards_and_nothing_else(provisioned: Machine) -> None:
    machine = provisioned
    said = deprovision(machine, "--user", "--force")
    assert [outcome for outcome in said["outcomes"] if outcome["state"] != "done"] == []
    left = [
        "find",
        "/var/lib/waagent",
        "/var/log/azure",
        "/var/lib/limpet",
        "/home",
        "-mindepth",
        "1",
        "-maxdepth",
        "1",
    ]
    assert machine.run(left).checked() == "/home/alicia\n"
    assert machine.run(["id", "alice"]).exit_code == 1
    # Only a rule of somebody else names it yet.
    assert machine.run(["grep", "-rlw", "alice", "/etc"]).stdout == "/etc/sudoers.d/waagent\n"
    assert machine.read("/etc/sudoers.d/waagent") == "alicia ALL=(alice) ALL\n"
    assert machine.run(["sh", "-c", "ls /etc/ssh | grep host_"]).stdout == ""
    assert machine.read("/srv/data/file") == "precious\n"
    assert machine.run(["hostname"]).checked() == "localhost.localdomain\n"
    assert machine.read("/etc/machine-id") == ""
    assert machine.run(["passwd", "--status", "root"]).checked().split()[1] == "L"
    assert machine.run(["systemctl", "is-active", "limpet-agent.service"]).stdout.strip() == "inactive"


def test_a_second_run_finds_nothing_to_do(provisioned: Machine) -> None:
    deprovision(provisioned, "--user", "--force")
    again = deprovision(provisioned, "--user", "--force")
    assert again["outcomes"] == []
    assert any("No user will be deleted" in note for note in again["notes"])


def test_without_a_terminal_and_without_force_nothing_is_done(provisioned: Machine) -> None:
    done = provisioned.run(["limpet", "deprovision", "--user"])
    assert done.exit_code == 2
    assert "add --force" in done.stderr
    assert "\x1b" not in done.stdout
    assert provisioned.run(["id", "alice"]).exit_code == 0
    assert provisioned.path("/var/lib/waagent/ovf-env.xml").exists()


@pytest.mark.parametrize(("answer", "code", "there"), [("n\n", 1, True), ("\n", 1, True), ("y\n", 0, False)])
def test_on_a_terminal_it_says_what_will_be_lost_and_asks(
    provisioned: Machine, answer: str, code: int, there: bool
) -> None:
    # script(1) gives it a terminal, and its exit code back.
    done = provisioned.run(
        ["script", "--quiet", "--return", "--command", "limpet deprovision --user", "/dev/null"],
        stdin=answer,
        timeout=60,
    )
    assert "WARNING! The user alice and all in /home/alice will be deleted." in done.stdout
    assert "Do you want to proceed (y/n)?" in done.stdout
    assert done.exit_code == code
    assert (provisioned.run(["id", "alice"]).exit_code == 0) == there


def test_what_cannot_be_removed_is_named_and_the_rest_goes(provisioned: Machine) -> None:
    machine = provisioned
    machine.run(
        [
            "sh",
            "-c",
            "mkdir /var/lib/waagent/busy && mount -t tmpfs none /var/lib/waagent/busy && echo x > /var/lib/waagent/busy/kept",
        ]
    ).checked()
    done = machine.run(["limpet", "deprovision", "--user", "--force"], timeout=60)
    assert done.exit_code == 1
    assert "library/busy: cannot remove /var/lib/waagent/busy" in done.stdout
    assert "should not become an image yet" in done.stdout
    assert machine.run(["find", "/var/lib/waagent", "-type", "f"]).checked() == "/var/lib/waagent/busy/kept\n"
    assert machine.run(["id", "alice"]).exit_code == 1


def test_nothing_goes_of_what_is_mounted_in_a_folder_that_goes(provisioned: Machine) -> None:
    """Shares, and folders of the same file system."""
    machine = provisioned
    script = """
set -e
mkdir -p /srv/share/folder /home/alice/share /home/alice/deep/share /var/lib/waagent/share
echo precious > /srv/share/file; echo precious > /srv/share/folder/file
mount -t tmpfs none /home/alice/share; cp -a /srv/share/. /home/alice/share
mount --bind /srv/share /home/alice/deep/share
mount --bind /srv/share /var/lib/waagent/share
"""
    machine.run(["sh", "-c", script]).checked()
    done = machine.run(["limpet", "deprovision", "--user", "--force"], timeout=60)
    assert done.exit_code == 1
    assert ": cannot remove /home/alice: Device or resource busy" in done.stdout
    assert ": cannot remove /var/lib/waagent/share: Device or resource busy" in done.stdout
    for place in ("/home/alice/share", "/srv/share"):
        assert machine.run(["sh", "-c", f"cat {place}/file {place}/folder/file"]).stdout == "precious\n" * 2


def test_the_command_that_procedures_for_images_have_does_it_too(provisioned: Machine) -> None:
    provisioned.run(["limpet", "install-shim", "--force"]).checked()
    done = provisioned.run(["waagent", "-force", "-deprovision+user"], timeout=60)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Done: switch this machine off now." in done.stdout
    assert provisioned.run(["id", "alice"]).exit_code == 1


def test_a_dry_run_does_nothing(provisioned: Machine) -> None:
    said = deprovision(provisioned, "--user", "--dry-run")
    assert "The user alice and all in /home/alice will be deleted." in said["losses"]
    assert provisioned.run(["id", "alice"]).exit_code == 0
    assert provisioned.run(["systemctl", "is-active", "limpet-agent.service"]).stdout.strip() == "active"
