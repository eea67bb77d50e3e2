"""Which stage an agent is: by the marker alone, and never by half of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from limpet.agent.main import in_shell
from limpet.agent.running import GUEST_SHELL, Running
from limpet.agent.whereabouts import brief_here
from limpet.config.settings import Config
from limpet.guest.fabric_lease import EXCHANGE, GRANT, IN_THE_GUEST, Grant, Holder, render_grant
from limpet.guest.shell_brief import BRIEF, VARIABLE, ShellBrief, render_brief
from limpet.host.fake import FakeMachine
from limpet.model.errors import AlreadyRunning, ConfigurationError, HostError

SHELL = ShellBrief(instance="a1", vm_id="v", wire_server="168.63.129.16", ready=False)


def machine(*, instance: str | None = None, brief: bytes | None = None) -> FakeMachine:
    made = FakeMachine()
    variable = b"" if instance is None else f"{VARIABLE}={instance}".encode()
    made.files.make_folder(Path("/proc/1"))
    made.files.replace(Path("/proc/1/environ"), b"PATH=/bin\0" + variable + b"\0HOME=/\0")
    if brief is not None:
        made.files.make_folder(IN_THE_GUEST)
        made.files.replace(IN_THE_GUEST / BRIEF, brief)
    return made


def test_with_brief_and_environment_it_is_a_guest_shell() -> None:
    here = machine(instance="a1", brief=render_brief(SHELL))
    assert brief_here(Config(), here.files) == SHELL
    assert brief_here(Config(stage=GUEST_SHELL), here.files) == SHELL


def test_without_both_it_is_a_plain_machine() -> None:
    assert brief_here(Config(), machine().files) is None
    assert brief_here(Config(stage="plain"), machine().files) is None
    assert brief_here(Config(), FakeMachine().files) is None


@pytest.mark.parametrize(
    ("instance", "brief", "problem"),
    [
        ("a1", None, "there is no"),
        (None, render_brief(SHELL), f"has no {VARIABLE}"),
        ("b2", render_brief(SHELL), "names 'b2'"),
        ("", render_brief(SHELL), "it is not known"),
        ("a1", b"{}", "cannot be used"),
        ("a1", render_brief(SHELL)[:-20], "cannot be used"),
    ],
)
def test_half_a_marker_is_an_error_and_no_stage(
    instance: str | None, brief: bytes | None, problem: str
) -> None:
    for config in (Config(), Config(stage="plain"), Config(stage=GUEST_SHELL)):
        with pytest.raises(HostError, match=problem):
            brief_here(config, machine(instance=instance, brief=brief).files)


def test_a_setting_that_contradicts_the_marker_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigurationError, match="but this is none"):
        brief_here(Config(stage=GUEST_SHELL), machine().files)
    with pytest.raises(ConfigurationError, match="but this is a guest shell"):
        brief_here(Config(stage="plain"), machine(instance="a1", brief=render_brief(SHELL)).files)


@pytest.mark.parametrize("holder", list(Holder))
def test_on_an_appliances_linux_no_plain_agent_starts(holder: Holder) -> None:
    here = machine()
    here.files.make_folder(EXCHANGE)
    here.files.replace(EXCHANGE / GRANT, render_grant(Grant(holder=holder, epoch=3, boot="")))
    with pytest.raises(AlreadyRunning, match=f"is with {holder.value}"):
        brief_here(Config(), here.files)


def test_a_folder_without_a_grant_is_no_appliance_yet() -> None:
    here = machine()
    here.files.make_folder(EXCHANGE)
    assert brief_here(Config(), here.files) is None


def test_a_guest_shell_begins_with_its_brief_and_asks_nobody() -> None:
    running = in_shell(Config(fabric_use_leases=True), SHELL)
    assert (running.wire_server, running.host_plugin) == ("168.63.129.16", "168.63.129.16:32526")
    assert (running.stage, running.shell, running.owes_ready) == (GUEST_SHELL, "guest shell", True)
    assert Running.parse(running.render()) == running


def test_a_configured_endpoint_wins_over_the_brief() -> None:
    assert (
        in_shell(Config(fabric_endpoint="10.9.9.9", fabric_wire_port=8080), SHELL).wire_server
        == "10.9.9.9:8080"
    )
