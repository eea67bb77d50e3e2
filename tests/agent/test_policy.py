"""Which extensions are run where."""

from __future__ import annotations

from pathlib import Path

import pytest

from limpet.agent.policy import IN_A_GUEST_SHELL, Policy
from limpet.agent.running import GUEST_SHELL
from limpet.config.settings import Config

PAGE = Path(__file__).parents[2] / "docs" / "guest-shell.md"
GUEST = Policy.of(Config(stage=GUEST_SHELL))


@pytest.mark.parametrize(
    "name",
    [
        "Microsoft.OSTCExtensions.VMAccessForLinux",
        "microsoft.ostcextensions.vmaccessforlinux",
        "Microsoft.Azure.Security.AzureDiskEncryptionForLinux",
        "Microsoft.Azure.RecoveryServices.VMSnapshotLinux",
        "Microsoft.Azure.RecoveryServices.SiteRecovery.LinuxRHEL7",
        "Microsoft.CPlat.Core.LinuxPatchExtension",
        "Microsoft.HpcCompute.NvidiaGpuDriverLinux",
        "Microsoft.Azure.ActiveDirectory.AADSSHLoginForLinux",
        "Microsoft.Azure.Security.LinuxAttestation.GuestAttestation",
    ],
)
def test_what_acts_on_the_machine_is_refused_in_a_guest_shell_and_nowhere_else(name: str) -> None:
    assert GUEST.refusal(name)
    assert Policy.of(Config()).refusal(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "Microsoft.Azure.Extensions.CustomScript",
        "Microsoft.CPlat.Core.RunCommandLinux",
        "Microsoft.CPlat.Core.RunCommandHandlerLinux",
        "Microsoft.Azure.Monitor.AzureMonitorLinuxAgent",
        "Microsoft.ManagedServices.ApplicationHealthLinux",
        "Microsoft.Azure.NetworkWatcher.NetworkWatcherAgentLinux",
        "Contoso.Sample",
    ],
)
def test_what_works_in_a_container_is_run_in_a_guest_shell(name: str) -> None:
    assert GUEST.refusal(name) is None


def test_what_is_allowed_wins_over_the_stage_and_what_is_refused_over_all() -> None:
    access = "Microsoft.OSTCExtensions.VMAccessForLinux"
    allowed = Policy.of(Config(stage=GUEST_SHELL, allowed_extensions=("*.VMAccess*",)))
    assert allowed.refusal(access) is None
    both = Policy.of(Config(allowed_extensions=("*",), refused_extensions=("Microsoft.*",)))
    assert "extensions.refused" in str(both.refusal(access))
    assert both.refusal("Contoso.Sample") is None


def test_nothing_else_is_run_where_only_what_is_allowed_is() -> None:
    strict = Policy.of(Config(allowed_extensions=("Contoso.S*",), only_allowed_extensions=True))
    assert strict.refusal("contoso.sample") is None
    assert strict.refusal("Contoso.Other")


def test_every_reason_says_what_to_do_instead_of_it_or_why_not_at_all() -> None:
    for rule in IN_A_GUEST_SHELL:
        assert "extensions.allowed" in str(GUEST.refusal(rule.pattern.replace("*", "x")))


def test_the_page_shows_the_list() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [rule.pattern for rule in IN_A_GUEST_SHELL if f"`{rule.pattern}`" not in page] == []
