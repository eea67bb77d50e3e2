"""Debian's WALinuxAgent, unmodified, with provisioning on: from the disc, and from discs that are broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.system.conftest import say
from tests.system.provisioned import (
    ACCOUNT,
    CUSTOM_DATA,
    HOST,
    KEY,
    PASSWORD,
    USER,
    Kept,
    Outcome,
    provisioned,
)

from limpet.lab import waagent
from limpet.lab.provisioning.machine import Wish
from limpet.lab.recipes import PROVISIONED_VM

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.lab.machine import Machine

pytestmark = pytest.mark.system

SETTINGS = {"Provisioning.Agent": "waagent", "Provisioning.RegenerateSshHostKeyPair": "y"}
PROPER = "proper"
FAILED = "NotReady/ProvisioningFailed"
FAILING = ("wrong-namespace", "no-document")
"""Of XML that it cannot read, and of NULs after it, this waagent dies and reports nothing."""


def prepare(machine: Machine) -> None:
    waagent.prepare(machine, SETTINGS)


def start(machine: Machine, *_: object) -> None:
    waagent.start(machine)


def run(name: str) -> Outcome:
    broken = () if name == PROPER else ("--broken", name)
    return provisioned(
        PROVISIONED_VM,
        Wish(account=ACCOUNT, disc=broken),
        say,
        prepare=prepare,
        start=start,
        health=FAILED if name in FAILING else "Ready",
    )


@pytest.fixture(scope="module")
def outcome() -> Callable[[str], Outcome]:
    """What came of a disc, by its variant."""
    return Kept(run)


def test_waagent_reports_that_it_begins_and_that_it_is_ready(outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(PROPER)
    assert seen.words == ["NotReady/Provisioning", "Ready"]
    assert [report["description"] for report in seen.known["reports"]] == ["Starting", None]
    assert all(report["agent"].startswith("WALinuxAgent/") for report in seen.known["reports"])


def test_a_strict_fabric_refuses_nothing_that_waagent_asks(outcome: Callable[[str], Outcome]) -> None:
    assert outcome(PROPER).remarks == []


def test_user_key_and_sudo_are_in_place(outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(PROPER)
    assert USER in seen.groups.split()
    assert seen.files[f"/home/{USER}/.ssh/authorized_keys"].strip() == KEY
    assert f"{USER} ALL=(ALL) ALL" in seen.files["/etc/sudoers.d/waagent"]


def test_the_host_name_is_set_and_published(outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(PROPER)
    assert (seen.host_name, seen.known["hostName"]["name"]) == (HOST, HOST)
    renamed = [each for each in seen.requests if ["host-name", HOST] in each["headers"]]
    assert "dhcp-request" in {each["endpoint"] for each in renamed}


def test_the_password_is_set_and_told_to_nobody(outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(PROPER)
    [entry] = [line for line in seen.files["/etc/shadow"].splitlines() if line.startswith(f"{USER}:")]
    assert entry.split(":")[1].startswith("$6$")
    assert PASSWORD not in seen.log
    assert PASSWORD not in seen.files["/var/lib/waagent/ovf-env.xml"]


def test_custom_data_is_kept_as_it_came(outcome: Callable[[str], Outcome]) -> None:
    assert outcome(PROPER).files["/var/lib/waagent/CustomData"] == CUSTOM_DATA


def test_the_marker_has_the_id_of_the_vm(outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(PROPER)
    assert seen.files["/var/lib/waagent/provisioned"].lower() == seen.vm_id


def test_the_disc_is_not_left_mounted(outcome: Callable[[str], Outcome]) -> None:
    assert "fuseiso" not in outcome(PROPER).mounts


@pytest.mark.parametrize("variant", ["byte-order-mark", "other-prefixes", "default-prefix", "iso9660-only"])
def test_odd_discs_that_are_right_provision(variant: str, outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(variant)
    assert seen.words == ["NotReady/Provisioning", "Ready"]
    assert (seen.host_name, USER in seen.groups.split()) == (HOST, True)


@pytest.mark.parametrize("variant", FAILING)
def test_a_broken_disc_is_reported_as_failed(variant: str, outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(variant)
    assert seen.words[-1] == FAILED
    assert seen.known["reports"][-1]["description"]
    assert seen.groups == ""
    assert "/var/lib/waagent/provisioned" not in seen.files
