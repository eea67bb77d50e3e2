"""What `limpet install` puts where, that it can be done twice, cut short, and taken back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.manage.machines import exists, machine_with, text_of
from tests.plans.cases import picture

from limpet.cli import VERBS
from limpet.host.fake import PowerCut
from limpet.host.fake_commands import Said
from limpet.host.fake_programs.deprovision import RUNNING
from limpet.manage.install.command import install, parser, uninstall, uninstall_parser
from limpet.manage.install.units import MARK, SUPERVISED, VM
from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from limpet.host.fake import FakeMachine

FILES = {path: content.decode() for path, content in VM.files("@LIMPET@").items()}
VERB = {name: VERBS[name] for name in ("config", "man")}
UNITS = "/etc/systemd/system"
AGENT = f"{UNITS}/limpet-agent.service"


def image(**more: str) -> FakeMachine:
    """A tree at /image that is not running."""
    return machine_with({"/image/etc/passwd": "", "/image/usr/bin/limpet": "", **more}, "installing")


def running(**more: str) -> FakeMachine:
    """A machine with systemd, on which a peer's service runs."""
    files = {
        "/usr/bin/limpet": "",
        "/run/systemd/system/x": "",
        "/lib/systemd/system/walinuxagent.service": "",
    }
    return machine_with({**files, f"{RUNNING}/walinuxagent.service": "", **more}, "installing")


def installed(machine: FakeMachine, *arguments: str) -> int:
    return install(
        parser().parse_args(["--command", "/usr/bin/limpet", *arguments]), machine.interpreter, VERB
    )


def uninstalled(machine: FakeMachine, *arguments: str) -> int:
    return uninstall(uninstall_parser().parse_args(arguments), machine.interpreter, VERB)


def target(machine: FakeMachine, path: str) -> str | None:
    found = machine.files.target(Path(path))
    return None if found is None else str(found)


def test_the_files_are_there_with_the_commands_path_in_them() -> None:
    machine = running()
    assert installed(machine) == 0
    assert "ExecStart=/usr/bin/limpet agent\n" in text_of(machine, AGENT)
    assert "ExecStart=/usr/bin/limpet boot\n" in text_of(machine, f"{UNITS}/limpet-boot.service")
    assert "ExecStart=/usr/bin/limpet firewall apply\n" in text_of(
        machine, f"{UNITS}/limpet-firewall.service"
    )
    assert all(MARK in text_of(machine, f"/{path}").splitlines()[0] for path in FILES)
    for path in ("man/man1/limpet.1", "bash-completion/completions/limpet", "zsh/site-functions/_limpet"):
        assert exists(machine, f"/usr/local/share/{path}")


def test_services_are_enabled_by_links_and_the_peers_names_lead_to_ours() -> None:
    machine = running()
    installed(machine)
    for unit in ("limpet-boot", "limpet-agent", "limpet-firewall"):
        assert target(machine, f"{UNITS}/multi-user.target.wants/{unit}.service") == f"{UNITS}/{unit}.service"
    for name in ("walinuxagent", "waagent"):
        assert target(machine, f"{UNITS}/{name}.service") == AGENT


def test_a_peer_that_runs_is_stopped_before_its_name_is_taken_and_then_the_agent_is_started() -> None:
    machine = running()
    installed(machine)
    calls = [" ".join(call.argv[:3]) for call in machine.commands.ran]
    stop, start = (
        calls.index("systemctl stop walinuxagent.service"),
        calls.index("systemctl start limpet-firewall.service"),
    )
    assert stop < calls.index("ln --symbolic --force") < calls.index("systemctl daemon-reload") < start
    assert machine.files.names(RUNNING) == ["limpet-agent.service", "limpet-firewall.service"]


def test_installing_again_gives_no_steps(capsys: pytest.CaptureFixture[str]) -> None:
    machine = running()
    installed(machine)
    spent = machine.battery.spent
    capsys.readouterr()
    assert installed(machine, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"outcomes": []}
    assert machine.battery.spent == spent + 1  # it has asked systemctl what runs


def test_a_tree_is_prepared_without_telling_anybody() -> None:
    machine = image()
    assert installed(machine, "--root", "/image") == 0
    assert target(machine, f"/image{UNITS}/walinuxagent.service") == AGENT
    assert {call.argv[0] for call in machine.commands.ran} == {"ln"}
    assert not exists(machine, AGENT)


def test_nothing_is_enabled_or_started_when_that_is_not_wanted() -> None:
    machine = running()
    assert installed(machine, "--no-enable") == 0
    assert exists(machine, AGENT)
    assert not exists(machine, f"{UNITS}/walinuxagent.service")
    assert machine.files.names(RUNNING) == ["walinuxagent.service"]


def test_a_dry_run_shows_the_plan_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    machine = running()
    before = picture(machine)
    assert installed(machine, "--dry-run") == 0
    assert f"  write {AGENT} " in capsys.readouterr().out
    assert installed(machine, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert plan[-1]["steps"] == ["run systemctl start limpet-firewall.service limpet-agent.service"]
    assert picture(machine) == before


def test_what_was_put_there_by_somebody_else_is_not_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    machine = running(**{AGENT: "[Service]\n", f"{UNITS}/waagent.service": "[Service]\n"})
    assert installed(machine) == 1
    assert text_of(machine, AGENT) == text_of(machine, f"{UNITS}/waagent.service") == "[Service]\n"
    said = capsys.readouterr().out
    assert "was not installed by limpet" in said
    assert "would run beside this agent" in said
    assert "limpet-agent.service" not in machine.files.names(RUNNING)


def test_a_service_that_somebody_masked_stays_masked() -> None:
    machine = running()
    machine.files.make_folder(Path(UNITS))
    machine.files.link(Path(UNITS, "waagent.service"), Path("/dev/null"))
    assert installed(machine) == 0
    assert target(machine, f"{UNITS}/waagent.service") == "/dev/null"


def test_a_configuration_that_is_there_stays() -> None:
    machine = running(**{"/etc/limpet.toml": "[agent]\n", "/etc/waagent.conf": "Logs.Verbose=y\n"})
    installed(machine)
    uninstalled(machine)
    assert text_of(machine, "/etc/limpet.toml") == "[agent]\n"
    assert text_of(machine, "/etc/waagent.conf") == "Logs.Verbose=y\n"


def test_links_in_an_images_tree_are_not_followed_out_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    machine = image()
    machine.files.make_folder(Path("/etc"))
    machine.files.link(Path("/image/etc/systemd"), Path("/etc"))
    assert installed(machine, "--root", "/image") == 1
    assert "there is a link or no folder on the way" in capsys.readouterr().out
    assert not [path for path in machine.files.nodes if path.is_relative_to("/etc") and "limpet" in path.name]


def test_uninstalling_leaves_the_machine_as_it_was() -> None:
    machine = running()
    before = {path for path in picture(machine) if not path.startswith("/proc")}
    installed(machine)
    machine.commands.programs["limpet"] = lambda files, call: Said()
    assert uninstalled(machine) == 0
    assert ("/usr/bin/limpet", "firewall", "remove") in [call.argv for call in machine.commands.ran]
    after = {str(path) for path, node in machine.files.nodes.items() if not node.is_folder}
    after = {path for path in after if not path.startswith("/proc")}
    assert after <= before
    assert machine.files.names(RUNNING) == []
    assert uninstalled(machine) == 0


def test_uninstalling_removes_nothing_that_is_not_ours() -> None:
    machine = running(**{f"{UNITS}/waagent.service": "[Service]\n", AGENT: "[Service]\n"})
    uninstalled(machine)
    assert text_of(machine, f"{UNITS}/waagent.service") == text_of(machine, AGENT) == "[Service]\n"


@pytest.mark.parametrize("back", [False, True])
def test_a_power_cut_before_any_change_is_made_good_by_doing_it_again(back: bool) -> None:
    def begun() -> FakeMachine:
        machine = image()
        if back:
            installed(machine, "--root", "/image")
        return machine

    def go(machine: FakeMachine) -> None:
        (uninstalled if back else installed)(machine, "--root", "/image")

    whole = begun()
    start = whole.battery.spent
    go(whole)
    for cut in range(whole.battery.spent - start):
        machine = begun()
        machine.battery.left = cut
        with pytest.raises(PowerCut):
            go(machine)
        machine.battery.left = None
        go(machine)
        assert picture(machine) == picture(whole)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--root", "/nowhere"], "not the tree of a system"),
        (["--root", "/image", "--command", "bin/limpet"], "an absolute path"),
        (["--root", "/image", "--command", "/opt/other"], "there is no such file in /image"),
    ],
)
def test_wrong_usage_is_said(arguments: list[str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        install(parser().parse_args(arguments), image().interpreter, VERB)


def test_a_tree_without_limpet_in_it_is_told_so() -> None:
    machine = machine_with({"/image/etc/passwd": "", "/image/usr/x": ""}, "installing")
    with pytest.raises(ConfigurationError, match="say where with --command"):
        install(parser().parse_args(["--root", "/image"]), machine.interpreter, VERB)


def test_every_unit_is_ordered_so_that_no_circle_can_close() -> None:
    """What comes before the network is given no default dependencies: these would put it after basic.target."""
    for path, text in FILES.items():
        if path.endswith(".service") and "network-pre.target" in re.findall(
            r"^Before=(.*)$", text, re.MULTILINE
        ):
            assert "DefaultDependencies=no" in text
            assert "Conflicts=shutdown.target" in text
            assert "Wants=network-pre.target" in text


def text_at(path: str) -> str:
    [found] = [text for name, text in FILES.items() if name.endswith(path)]
    return found


def test_what_an_administrator_says_of_a_nic_comes_before_what_we_say() -> None:
    """udev takes the first file that fits, by name: netplan's and cloud-init's begin with 10, the distribution's with 99."""
    [ours] = [Path(path).name for path in FILES if path.endswith("synthetic.link")]
    assert sorted(["99-default.link", ours, "73-mine.link", "10-netplan-eth0.link"]) == [
        "10-netplan-eth0.link", "73-mine.link", ours, "99-default.link"
    ]  # fmt: skip


def test_what_is_said_of_an_address_does_not_reach_a_virtual_function() -> None:
    names = [Path(path).name for path in FILES if "virtual-function" in path and not path.endswith(".rules")]
    assert len(names) == 2
    assert all(name < "10-netplan-eth0.link" for name in names)
    assert "mac" not in text_at("virtual-function.link").split("[Link]")[1]


def test_the_mark_of_a_virtual_function_is_there_before_names_are_given() -> None:
    """What is named in 80-net-setup-link.rules is matched by the mark that our rules set."""
    [rules] = [Path(path).name for path in FILES if path.endswith("virtual-function.rules")]
    assert rules < "80-net-setup-link.rules"
    for kind in ("link", "network"):
        found = re.findall(r"^Property=(.*)=1$", text_at(f"virtual-function.{kind}"), re.MULTILINE)
        assert [f'ENV{{{name}}}="1"' in text_at("virtual-function.rules") for name in found] == [True]


def test_udev_is_told_when_only_a_name_has_changed() -> None:
    machine = running(**{"/run/udev/control": ""})
    machine.commands.programs["udevadm"] = lambda files, call: Said()
    installed(machine)
    path = "/etc/systemd/network/80-limpet-synthetic.link"
    machine.files.replace(Path(path), f"# {MARK}.\n".encode())
    machine.commands.ran.clear()
    assert installed(machine) == 0
    assert ("udevadm", "control", "--reload") in [call.argv for call in machine.commands.ran]
    assert "NamePolicy=keep\n" in text_of(machine, path)


def test_limits_that_another_agent_has_set_for_its_service_do_not_become_ours() -> None:
    quota = f"{UNITS}/walinuxagent.service.d/12-CPUQuota.conf"
    hand_made = f"{UNITS}/walinuxagent.service.d/mine.conf"
    machine = running(**{quota: "[Service]\nCPUQuota=5%\n", hand_made: "[Service]\n"})
    assert installed(machine) == 0
    assert not exists(machine, quota)
    assert exists(machine, hand_made)
    tree = image(**{f"/image{quota}": "[Service]\nCPUQuota=5%\n"})
    assert installed(tree, "--root", "/image") == 0
    assert not exists(tree, f"/image{quota}")


SUPERVISOR = f"{UNITS}/limpet-appliance.service"


def test_an_appliance_gets_the_supervisor_and_none_of_a_plain_vms_services() -> None:
    machine = running()
    assert installed(machine, "--appliance") == 0
    assert "ExecStart=/usr/bin/limpet appliance run" in text_of(machine, SUPERVISOR)
    assert target(machine, f"{UNITS}/multi-user.target.wants/limpet-appliance.service") == SUPERVISOR
    assert target(machine, f"{UNITS}/walinuxagent.service") == SUPERVISOR
    assert not exists(machine, AGENT)
    assert installed(machine, "--appliance", "--json") == 0


def test_installing_an_appliance_starts_nothing_that_would_take_the_nics_now() -> None:
    machine = running()
    installed(machine, "--appliance")
    started = [call.argv for call in machine.commands.ran if call.argv[:2] == ("systemctl", "start")]
    assert not started


@pytest.mark.parametrize(("first", "then"), [((), ("--appliance",)), (("--appliance",), ())])
def test_a_machine_that_becomes_something_else_keeps_nothing_of_the_other_role(
    first: tuple[str, ...], then: tuple[str, ...]
) -> None:
    changed, fresh = image(), image()
    for words in (first, then):
        assert installed(changed, "--root", "/image", *words) == 0
    assert installed(fresh, "--root", "/image", *then) == 0
    assert picture(changed) == picture(fresh)


def test_an_appliance_is_uninstalled_as_a_plain_vm_is() -> None:
    machine, untouched = image(), image()
    installed(machine, "--root", "/image", "--appliance")
    assert uninstalled(machine, "--root", "/image") == 0
    assert not any(exists(machine, f"/image/{path}") for path in SUPERVISED.units)
    assert not any(exists(machine, f"/image/{path}") for path in SUPERVISED.links())
    assert exists(untouched, "/image/usr/bin/limpet")


def test_uninstalling_gives_udev_the_names_of_nics_back_that_boot_moved_away() -> None:
    rules = "/etc/udev/rules.d/70-persistent-net.rules"
    files: dict[str, bytes | str | None] = {
        "/usr/bin/limpet": "",
        "/var/lib/waagent/70-persistent-net.rules": "SUBSYSTEM==net",
    }
    machine = machine_with(files, "installing")
    installed(machine)
    assert uninstalled(machine) == 0
    assert text_of(machine, rules) == "SUBSYSTEM==net"
    assert not exists(machine, "/var/lib/waagent/70-persistent-net.rules")
