"""The lab's appliance holds a network OS and a guest shell, by raw commands; and its power and NICs are the lab's to take."""

from __future__ import annotations

import json

import pytest
from tests.system.conftest import say
from tests.system.provisioned import ACCOUNT

from limpet.lab import waagent
from limpet.lab.appliance.by_hand import (
    STORE,
    await_started,
    give_nics,
    in_guest,
    mount_guest,
    start_lxc,
    start_network_os,
    start_nspawn,
)
from limpet.lab.appliance.nics import knock
from limpet.lab.appliance.room import Appliance, Parts, Wish, appliance, prepared
from limpet.lab.appliance.sight import GUEST, HOST, NOS
from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, run
from limpet.lab.recipes import WAAGENT_GUEST_SHELL

pytestmark = pytest.mark.system

VERSIONS = "curl --silent --max-time 30 'http://168.63.129.16/?comp=versions'"
PLUGIN = "curl --silent --max-time 30 --output /dev/null --write-out '%{http_code}' http://168.63.129.16:32526/health"
METADATA = (
    "curl --silent --max-time 30 --header Metadata:true "
    "'http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text'"
)


@pytest.mark.parametrize("start", [start_lxc, start_nspawn], ids=["lxc", "nspawn"])
def test_a_guest_shell_behind_frr_reaches_the_platform(start: object, appliance_parts: Parts) -> None:
    assert callable(start)
    with appliance(appliance_parts, Wish(nics=3)) as made:
        assert made.boot() == "running"
        start_network_os(made)
        mount_guest(made)
        init = start(made)
        await_started(made, init)
        give_nics(made)
        assert set(made.owners().values()) == {NOS}
        assert "<Versions>" in in_guest(made, init, VERSIONS)
        assert in_guest(made, init, PLUGIN) == "200"
        assert in_guest(made, init, METADATA) == made.name
        asked = made.world.requests(made.name)
        assert {each["source"] for each in asked} == {"10.0.0.4"}
        assert made.leaked() == 0
        in_guest(made, init, "echo kept > /var/lib/waagent/kept; limpet --version")
        assert made.machine.read(f"{STORE}/state/kept") == "kept\n"
        assert "2" in in_guest(made, init, "ls -d /sys/class/net/* | wc -l")
        made.run(["systemctl", "stop", "guest"], timeout=120).checked()


def test_debians_agent_reports_from_a_guest_shell() -> None:
    with prepared(say, guest=WAAGENT_GUEST_SHELL) as parts, appliance(parts) as made:
        made.boot()
        start_network_os(made)
        mount_guest(made)
        give_nics(made)
        inside = f"{STORE}/root"
        settings = waagent.configured(
            made.machine.read(f"{inside}{waagent.CONFIGURATION}"), waagent.WITHOUT_A_VM
        )
        made.machine.write(f"{inside}{waagent.CONFIGURATION}", settings)
        made.machine.write(f"{inside}/etc/systemd/system/{waagent.UNIT}.d/lab.conf", waagent.DROP_IN)
        init = start_lxc(made)
        await_started(made, init)
        in_guest(made, init, f"systemctl start {waagent.UNIT}")
        made.world.wait(made.name, endpoint="status", requests=1, timeout=180)
        assert {each["source"] for each in made.world.requests(made.name)} == {made.cards[0].address}


def test_limpet_provisions_an_appliance_by_its_disc(appliance_parts: Parts) -> None:
    with appliance(appliance_parts, Wish(nics=3, account=ACCOUNT)) as made:
        made.boot()
        said = json.loads(made.run(["limpet", "boot", "--json"], timeout=120).checked())
        assert said["state"] == "ready"
        assert said["vmId"] == made.vm_id.lower()
        assert [report["words"] for report in made.world.provisioning(made.name)["reports"]][-1] == "Ready"
        assert made.nics()[0].addresses == ("10.0.0.4/24",)


def test_without_nat_the_platform_does_not_answer(appliance_parts: Parts) -> None:
    with appliance(appliance_parts) as made:
        made.boot()
        start_network_os(made)
        give_nics(made)
        made.sh(f"ip netns exec {NOS} nft delete table ip limpet_nat")
        assert made.run(["curl", "--max-time", "2", "http://168.63.129.16/"], namespace=GUEST).exit_code
        assert made.leaked() > 0


def test_the_metadata_service_answers_the_primary_nic_only(appliance_parts: Parts) -> None:
    with appliance(appliance_parts, Wish(nics=2)) as made:
        made.boot()
        made.sh(
            "ip addr add 10.0.1.4/24 dev eth1; ip link set eth1 up; ip route add 169.254.169.254 via 10.0.1.1"
        )
        assert "10.0.1.4 is not the primary address" in made.sh(METADATA)
        made.sh("ip link set eth1 down; ip addr add 10.0.0.4/24 dev eth0; ip link set eth0 up")
        made.sh("ip route add 169.254.169.254 via 10.0.0.1")
        assert made.sh(METADATA) == made.name
        assert [each["source"] for each in made.world.requests(made.name)] == ["10.0.1.4", "10.0.0.4"]


def test_sixteen_nics_get_their_addresses_by_dhcp(appliance_parts: Parts) -> None:
    with appliance(appliance_parts, Wish(nics=16)) as made:
        made.boot()
        found = made.nics()
        assert [link.name for link in found] == [f"eth{number}" for number in range(16)]
        assert not any(link.up or link.addresses for link in found)
        for number in (0, 1, 15):
            made.run(["dhclient", "-1", "-lf", f"/run/leases{number}", f"eth{number}"], timeout=120).checked()
            assert f"10.0.{number}.4/24" in made.nics()[number].addresses
        assert "unknown-245 a8:3f:81:10" in made.machine.read("/run/leases0")
        routes = made.sh("ip route")
        assert "168.63.129.16 via 10.0.0.1" in routes
        assert made.probe(0, 9) == "Connection refused"
        assert made.probe(2, 9) in {"No route to host", "timed out"}


def test_a_reboot_keeps_files_and_nothing_else(appliance_parts: Parts) -> None:
    with appliance(appliance_parts, Wish(nics=2)) as made:
        made.boot()
        start_network_os(made)
        made.sh(
            f"ip link set eth1 netns {NOS}; ip link add left type bridge; echo kept > /var/lib/limpet/kept"
        )
        assert made.owners() == {"eth0": HOST, "eth1": NOS}
        assert made.reboot() == "running"
        assert made.owners() == {"eth0": HOST, "eth1": HOST}
        assert {link.name for link in made.links()} == {"eth0", "eth1"}
        assert made.machine.read("/var/lib/limpet/kept") == "kept\n"


def test_a_power_cut_takes_what_was_not_synced(appliance_parts: Parts) -> None:
    with appliance(appliance_parts) as made:
        made.boot()
        made.sh("echo safe > /var/lib/limpet/safe; sync; echo lost > /var/lib/limpet/lost")
        made.power_cut()
        assert not made.machine.running
        made.boot()
        assert made.machine.read("/var/lib/limpet/safe") == "safe\n"
        lost = made.machine.path("/var/lib/limpet/lost")
        assert not lost.exists() or not lost.read_text(encoding="utf-8")


WRITER = """\
import os
kept = os.open("/var/lib/limpet/kept", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
said = os.open("/said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(10**6):
    os.write(kept, b"%d\\n" % number)
    os.fsync(kept)
    os.write(said, b"%d\\n" % number)
"""


def test_what_was_synced_is_there_after_a_power_cut_at_any_moment(appliance_parts: Parts) -> None:
    with appliance(appliance_parts) as made:
        for cut in range(5):
            made.boot()
            made.sh("rm -f /said /var/lib/limpet/kept; sync")
            made.machine.write("/writer", WRITER)
            made.run(["systemd-run", "--quiet", "python3", "/writer"]).checked()
            enough = str(cut * 7 + 3)
            made.machine.await_text("/said", f"{enough}\n")
            made.power_cut()
            said = made.machine.read("/said").split()
            made.boot()
            kept = made.machine.read("/var/lib/limpet/kept").split()
            assert kept[: len(said)] == said
            assert len(kept) <= len(said) + 1
            made.power_cut(lose_unsynced=False)


def test_a_power_cut_can_be_a_mere_kill(appliance_parts: Parts) -> None:
    with appliance(appliance_parts) as made:
        made.boot()
        made.sh("echo kept > /var/lib/limpet/kept")
        made.power_cut(lose_unsynced=False)
        made.boot()
        assert made.machine.read("/var/lib/limpet/kept") == "kept\n"


def test_a_full_data_volume_is_full(appliance_parts: Parts) -> None:
    with appliance(appliance_parts, Wish(volume=48 * 1024 * 1024)) as made:
        made.boot()
        refused = made.run(["dd", "if=/dev/zero", "of=/var/lib/waagent/much", "bs=1M", "count=100"])
        assert "No space left on device" in refused.stderr


def test_a_nic_that_goes_with_its_namespace_is_put_back_as_the_kernel_does(appliance_parts: Parts) -> None:
    with appliance(appliance_parts, Wish(nics=3)) as made:
        made.boot()
        start_network_os(made)
        made.sh(f"ip link set eth0 netns {NOS}; ip link set eth2 netns {NOS}")
        made.sh(f"ip netns delete {NOS}")
        assert made.kill("zebra -N")
        made.kill("staticd -N")
        wait_for(lambda: made.lost_nics() == [0, 2], "the NICs to go", timeout=60)
        assert made.owners() == {"eth0": "nowhere", "eth1": HOST, "eth2": "nowhere"}
        made.sh("ip link add name eth2 type bridge")
        assert [made.put_nic_in(number) for number in made.lost_nics()] == ["eth0", "dev2066"]
        back = made.nics()
        assert [(link.namespace, link.up, link.addresses) for link in back] == [(HOST, False, ())] * 3
        assert [link.mac for link in back] == [card.mac for card in made.cards]


def test_nics_come_late_and_go(appliance_parts: Parts) -> None:
    with appliance(appliance_parts) as made:
        made.boot()
        late = made.add_late_nic()
        assert made.owners() == {"eth0": HOST, late.name: HOST}
        made.run(["dhclient", "-1", "-lf", "/run/leases", late.name], timeout=120).checked()
        assert "10.0.1.4/24" in made.nics()[1].addresses
        made.take_nic_out(1)
        assert made.lost_nics() == []
        made.reboot()
        assert made.owners() == {"eth0": HOST, "eth1": "nowhere"}
        made.put_nic_in(1)
        assert made.owners() == {"eth0": HOST, "eth1": HOST}


def test_a_virtual_function_has_the_mac_of_its_nic(appliance_parts: Parts) -> None:
    with appliance(appliance_parts, Wish(nics=2)) as made:
        made.boot()
        name = made.add_function(1)
        assert [link.name for link in made.nics()] == ["eth0", "eth1", name]
        assert made.nics()[2].mac == made.nics()[1].mac
        made.reboot()
        assert [link.name for link in made.nics()] == ["eth0", "eth1", name]
        made.remove_function(1)
        assert [link.name for link in made.nics()] == ["eth0", "eth1"]


def test_a_name_that_is_taken_stops_a_move(appliance_parts: Parts) -> None:
    with appliance(appliance_parts) as made:
        made.boot()
        start_network_os(made)
        made.clash("eth0")
        move = ["ip", "link", "set", "eth0", "netns", NOS]
        assert "exists" in made.run(move).stderr
        made.end_clash("eth0")
        made.run(move).checked()


def test_what_a_neighbour_sends_to_the_platform_through_the_appliance_is_counted(
    appliance_parts: Parts,
) -> None:
    with appliance(appliance_parts, Wish(nics=2)) as made:
        made.boot()
        start_network_os(made)
        give_nics(made)
        made.sh(f"ip -n {NOS} addr add 10.0.1.4/24 dev eth1")
        with made.neighbour(1) as other:
            assert knock(other, "10.0.1.4", 9) == "Connection refused"
            assert knock(other, "168.63.129.16", 80) == "timed out"
        assert made.leaked() > 0


def test_an_appliance_leaves_nothing_behind(appliance_parts: Parts) -> None:
    name = ""

    def fail() -> None:
        nonlocal name
        with appliance(appliance_parts, Wish(nics=2)) as made:
            name = made.room.workspace.name
            made.boot()
            start_network_os(made)
            mount_guest(made)
            start_lxc(made)
            give_nics(made)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert name not in run(["ip", "netns", "list"]).checked()
    assert name not in run(["mount"]).checked()
    assert name not in run(["losetup", "--list", "--noheadings", "--output", "BACK-FILE"]).checked()


def test_seventeen_nics_are_too_many(appliance_parts: Parts) -> None:
    def ask(nics: int) -> Appliance:
        with appliance(appliance_parts, Wish(nics=nics)) as made:
            return made

    with pytest.raises(LabError, match="has 1 to 16 NICs, not 17"):
        ask(17)
