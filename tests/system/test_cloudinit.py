"""Debian's cloud-init, unmodified, on a new machine of the emulated platform: with a disc, and by metadata only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.system.conftest import say
from tests.system.provisioned import (
    ACCOUNT,
    HOST,
    KEY,
    PASSWORD,
    TRACE,
    USER,
    VM,
    Kept,
    Outcome,
    provisioned,
)

from limpet.lab.provisioning.hardware import swapped
from limpet.lab.provisioning.machine import Wish
from limpet.lab.recipes import CLOUD_INIT_VM

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.lab.fabric import Fabric
    from limpet.lab.machine import Machine

pytestmark = pytest.mark.system

BY_DISC = "disc"
BY_METADATA = "metadata"
WISHES = {
    BY_DISC: Wish(account=ACCOUNT),
    BY_METADATA: Wish(account={**ACCOUNT, "hasCustomData": False}, disc=None, generation=2),
}
both_ways = pytest.mark.parametrize("way", [BY_DISC, BY_METADATA])


def finish(machine: Machine, *_: object) -> None:
    """cloud-init says Ready in its first stage; what it promises is there at its end."""
    machine.run(["cloud-init", "status", "--wait"], timeout=180).checked()


@pytest.fixture(scope="module")
def outcome() -> Callable[[str], Outcome]:
    """What came of a way."""
    return Kept(lambda way: provisioned(CLOUD_INIT_VM, WISHES[way], say, start=finish))


@both_ways
def test_cloudinit_reports_ready_on_a_strict_fabric(way: str, outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(way)
    assert seen.words == ["Ready"]
    assert seen.known["reports"][0]["agent"].startswith("Cloud-Init/")
    assert seen.remarks == []


@pytest.mark.parametrize(("way", "seed"), [(BY_DISC, "/dev/sr0"), (BY_METADATA, "IMDS")])
def test_cloudinit_finds_its_datasource(way: str, seed: str, outcome: Callable[[str], Outcome]) -> None:
    result = json.loads(outcome(way).files["/run/cloud-init/result.json"])["v1"]
    assert result == {"datasource": f"DataSourceAzure [seed={seed}]", "errors": []}


@both_ways
def test_every_service_of_the_machine_starts(way: str, outcome: Callable[[str], Outcome]) -> None:
    assert outcome(way).state == "running"


@both_ways
def test_user_key_and_host_name_are_in_place(way: str, outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(way)
    assert "sudo" in seen.groups.split()
    assert seen.files[f"/home/{USER}/.ssh/authorized_keys"].strip() == KEY
    assert (seen.host_name, seen.files["/etc/hostname"].strip()) == (HOST, HOST)


@both_ways
def test_the_address_comes_by_dhcp_and_the_host_name_goes_to_the_platforms_dns(
    way: str, outcome: Callable[[str], Outcome]
) -> None:
    seen = outcome(way)
    assert seen.known["hostName"]["name"] == HOST
    assert seen.known["nics"][0]["leasedAt"] is not None
    assert [each["endpoint"] for each in seen.requests][:2] == ["dhcp-discover", "dhcp-request"]


def test_the_password_of_the_disc_is_set_and_told_to_nobody(outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(BY_DISC)
    [entry] = [line for line in seen.files["/etc/shadow"].splitlines() if line.startswith(f"{USER}:")]
    assert entry.split(":")[1].startswith("$6$")
    assert PASSWORD not in seen.log
    assert PASSWORD not in seen.files["/var/lib/waagent/ovf-env.xml"]
    assert not [each for each in seen.requests if PASSWORD in each["body"]]


def test_without_a_disc_the_account_has_no_password(outcome: Callable[[str], Outcome]) -> None:
    seen = outcome(BY_METADATA)
    [entry] = [line for line in seen.files["/etc/shadow"].splitlines() if line.startswith(f"{USER}:")]
    assert entry.split(":")[1].startswith("!")


def test_custom_data_of_the_disc_is_run(outcome: Callable[[str], Outcome]) -> None:
    assert outcome(BY_DISC).files[TRACE] == "here\n"
    assert TRACE not in outcome(BY_METADATA).files


def test_the_machine_is_known_by_its_id_in_the_byte_order_of_its_generation(
    outcome: Callable[[str], Outcome],
) -> None:
    first, second = outcome(BY_DISC), outcome(BY_METADATA)
    assert f"/instances/{swapped(first.vm_id)}" in first.log
    assert f"/instances/{second.vm_id}" in second.log


def test_the_disc_is_not_left_mounted(outcome: Callable[[str], Outcome]) -> None:
    assert "fuseiso" not in outcome(BY_DISC).mounts


@pytest.mark.parametrize("variant", ["truncated", "wrong-namespace", "two-provisioning-sections"])
def test_a_broken_disc_is_reported_as_failed(variant: str) -> None:
    seen = provisioned(
        CLOUD_INIT_VM,
        Wish(account=ACCOUNT, disc=("--broken", variant)),
        say,
        start=lambda *_: None,
        health="NotReady/ProvisioningFailed",
    )
    assert seen.words == ["NotReady/ProvisioningFailed"]
    assert "aka.ms/linuxprovisioningerror" in seen.known["reports"][0]["description"]
    assert (seen.groups, seen.remarks) == ("", [])


def test_cloudinit_gets_through_a_metadata_service_that_fails_at_first() -> None:
    seen = provisioned(
        CLOUD_INIT_VM,
        WISHES[BY_METADATA],
        say,
        start=finish,
        faults=({"endpoint": "instance-metadata", "status": 429, "count": 2},),
    )
    assert seen.words == ["Ready"]
    statuses = [each["status"] for each in seen.requests if each["endpoint"] == "instance-metadata"]
    assert statuses[:3] == [429, 429, 200]


FROM_THE_OTHER_NIC = """\
import http.client, sys
connection = http.client.HTTPConnection("169.254.169.254", timeout=30, source_address=(sys.argv[1], 0))
connection.request("GET", "/metadata/instance?api-version=2021-08-01", headers={"Metadata": "true"})
print(connection.getresponse().status)
"""


def test_a_second_nic_is_configured_and_has_no_way_to_the_platform() -> None:
    def more(machine: Machine, world: Fabric, _plug: Callable[[bool], None]) -> None:
        finish(machine)
        second = world.provisioning(VM)["nics"][1]["address"]
        assert f"{second}/24" in machine.run(["ip", "addr", "show", "eth1"]).checked()
        assert machine.run(["python3", "-c", FROM_THE_OTHER_NIC, second]).checked() == "403\n"

    seen = provisioned(CLOUD_INIT_VM, Wish(account=ACCOUNT, more_nics=1), say, start=more)
    assert seen.words == ["Ready"]
    first, second = seen.known["nics"]
    assert first["leasedAt"] is not None
    assert second["leasedAt"] is not None


def test_a_pre_provisioned_vm_becomes_somebodys_when_the_platform_says_so() -> None:
    """It reports Ready to the pool, waits for its NIC to be moved, and asks for the document that is then there."""

    def give(machine: Machine, world: Fabric, plug: Callable[[bool], None]) -> None:
        world.wait(VM, healthReports=1, timeout=180)
        log = "/var/log/cloud-init.log"
        machine.await_text(log, "Wait for media disconnect", timeout=120)
        world.reprovision(VM)
        plug(False)
        machine.await_text(log, "ifname eth0 operstate 2", timeout=120)
        plug(True)
        world.wait(VM, healthReports=2, timeout=180)
        finish(machine)

    wish = Wish(account={**ACCOUNT, "ppsType": "Running"})
    seen = provisioned(CLOUD_INIT_VM, wish, say, start=give, settles=False)
    assert seen.words == ["Ready", "Ready"]
    asked = [each["status"] for each in seen.requests if each["endpoint"] == "reprovision-data"]
    assert asked[-1] == 200
    assert USER in seen.groups.split()
