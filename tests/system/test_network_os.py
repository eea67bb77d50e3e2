"""Drivers for a network OS with real NICs, nftables and FRR, in an appliance of the lab."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.system.network_oses import NetworkOsLab, network_os_lab

from limpet.lab.appliance.sight import GUEST, HOST, NOS
from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from limpet.lab.appliance.room import Parts
    from limpet.lab.commands import Result

pytestmark = pytest.mark.system

PORT = 8088


@pytest.fixture(params=["kernel", "frr"])
def lab(request: pytest.FixtureRequest, appliance_parts: Parts) -> Iterator[NetworkOsLab]:
    with network_os_lab(appliance_parts, request.param) as made:
        yield made


def test_nics_go_to_the_network_os_and_come_back_and_the_fabric_answers_all_the_while(
    lab: NetworkOsLab,
) -> None:
    made = lab.made
    before = made.links()
    lab.hand_over()
    assert set(made.owners().values()) == {NOS}
    assert lab.must(("again", None), ("health", None), ("deep", None)) == [
        [],
        ["healthy", None, None],
        ["healthy", None, None],
    ]
    assert lab.reaches(GUEST)
    assert lab.reaches(NOS)
    primary = made.cards[0]
    assert {each["source"] for each in made.world.requests(made.name)} == {primary.address}
    with lab.listening(PORT):
        assert [card.number for card in made.cards if made.probe(card.number, PORT)] == [0, 1, 2]
    assert made.leaked() == 0
    lab.take_back()
    lab.must(("stop", None))
    after = made.links()
    inner = [link for link in after if link.namespace == HOST]
    assert {(link.name, link.mac, link.up) for link in inner} == {
        (link.name, link.mac, link.up) for link in before
    }
    assert not any(link.addresses for link in inner)
    assert made.run(["test", "-e", f"/run/netns/{NOS}"]).exit_code
    assert lab.lease(primary.mac)["address"] == primary.address


def test_the_lease_is_renewed_in_the_network_os_and_a_new_address_takes_the_place_of_the_old_one(
    lab: NetworkOsLab,
) -> None:
    made = lab.made
    lab.hand_over()
    primary = made.cards[0]
    assert lab.lease(primary.mac, namespace=NOS)["address"] == primary.address
    subnet = primary.address.rsplit(".", 1)[0]
    with made.neighbour(0) as near:
        near.ip(f"addr add {subnet}.254/24 dev eth0")
        lab.leases[primary.mac] = {**lab.leases[primary.mac], "address": f"{subnet}.77"}
        lab.leases[primary.mac]["routes"] = [
            {**each, "gateway": f"{subnet}.254"} for each in lab.leases[primary.mac]["routes"]
        ]
        lab.must(("dress", primary.mac))
        assert lab.must(("again", None)) == [[]]
        addresses = [link.addresses for link in made.links() if link.mac == primary.mac]
        assert addresses == [(f"{subnet}.77/24",)]
        assert f"{primary.address}" not in made.sh(
            "ip rule; ip route show table all; nft list ruleset", namespace=NOS
        )
        assert f"{subnet}.1 " not in made.sh("ip route show table all", namespace=NOS)
        source = made.sh("ip route get 198.51.100.7 from 192.168.35.2 iif vpg0 | head -1", namespace=NOS)
        assert f"via {subnet}.254 " in source


def test_an_operators_default_route_by_another_nic_takes_no_way_out_from_the_guest(lab: NetworkOsLab) -> None:
    made = lab.made
    lab.hand_over()
    second = made.cards[1].address.rsplit(".", 1)[0]
    made.sh(f"ip route replace default via {second}.1 dev eth1 onlink", namespace=NOS)
    made.sh(f"ip route add 203.0.113.0/24 via {second}.1 dev eth1 onlink", namespace=NOS)
    assert " dev eth1 " in made.sh("ip route get 198.51.100.7", namespace=NOS)

    def way(target: str) -> str:
        return made.sh(f"ip route get {target} from 192.168.35.2 iif vpg0", namespace=NOS)

    assert " dev eth0 " in way("198.51.100.7")
    assert " dev eth1 " in way("203.0.113.7"), "other routes of an operator's are the guest's, too"
    assert lab.reaches(GUEST)


def curls(targets: Sequence[str], command: str) -> str:
    """A shell script that asks all of them at once; see `ended`."""
    each = (
        f"({command} -s -o /dev/null http://{target}/; echo {number} $?) &"
        for number, target in enumerate(targets)
    )
    return " ".join([*each, "wait"])


def ended(asked: Result) -> list[int]:
    """How each ended, in their order."""
    lines = sorted(tuple(map(int, line.split())) for line in asked.checked().splitlines())
    return [code for _, code in lines]


def test_who_reaches_the_platform_through_the_appliance(lab: NetworkOsLab) -> None:
    made = lab.made
    lab.hand_over()
    other = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    somebody = "table ip somebody {\n chain c {\n type filter hook forward priority 0; policy accept;\n }\n}"
    made.sh(f"nft -f - <<'E'\n{somebody}\nE", namespace=NOS)
    lab.must(("protect", None), ("protect", None))
    assert "table ip somebody" in made.sh("nft list tables", namespace=NOS)

    def reached(namespace: str, before: str = "") -> list[bool]:
        targets = ["168.63.129.16:80", "168.63.129.16:32526", "169.254.169.254:80"]
        script = curls(targets, f"{before} curl --connect-timeout 2 --max-time 30")
        ends = ended(made.run(["sh", "-c", script], namespace=namespace))
        return [code not in {7, 28} for code in ends]

    assert reached(GUEST) == [True, True, True]
    assert reached(GUEST, other) == [False, False, True]
    assert reached(NOS) == [True, True, True]
    assert reached(NOS, other) == [False, False, True]
    with made.neighbour(1) as near:
        targets = [
            f"{each}:{port}" for each in ("168.63.129.16", "169.254.169.254") for port in (80, 32526, 53)
        ]
        assert ended(near.run(["sh", "-c", curls(targets, "curl --max-time 1")])) == [28] * 6
        # As if it were the guest.
        near.ip("addr add 192.168.35.2/32 dev eth0")
        asked = ["curl", "-s", "--max-time", "1", "--interface", "192.168.35.2", "http://168.63.129.16/"]
        assert near.run(asked).exit_code == 28
    assert made.leaked() == 0
    # An address of the guest's that is not the guest's own.
    made.sh("ip addr add 192.168.35.3/24 dev gs0", namespace=GUEST)
    asked = ["curl", "-s", "--max-time", "1", "--interface", "192.168.35.3", "http://168.63.129.16/"]
    assert made.run(asked, namespace=GUEST).exit_code == 28
    assert made.leaked() == 0


def test_what_is_broken_in_the_data_plane_is_seen_and_put_right(lab: NetworkOsLab) -> None:
    made = lab.made
    lab.hand_over()
    for harm in (
        "sysctl -qw net.ipv4.ip_forward=0",
        "ip route del 168.63.129.16/32; ip route del default",
        "ip link set eth0 down; ip link set eth0 up",
        "ip link delete vpg0",
    ):
        made.sh(f"{harm}; ip route flush cache", namespace=NOS)
        assert lab.must(("deep", None))[0][0] == "wounded", harm
        lab.must(("revive", None))
        assert lab.must(("deep", None)) == [["healthy", None, None]], harm
        assert lab.reaches(GUEST), harm


def test_a_namespace_that_dies_is_made_anew(lab: NetworkOsLab) -> None:
    made = lab.made
    lab.hand_over()
    made.sh(f"ip netns delete {NOS}")
    assert lab.must(("health", None))[0][0] == "gone"
    made.sh("pkill -KILL -f ^/usr/lib/frr/ || true")
    wait_for(made.lost_nics, "the NICs to go", timeout=60)
    for number in made.lost_nics():
        made.put_nic_in(number, name=f"dev{number}")
    lab.take_back()
    assert {link.name for link in made.links() if link.namespace == HOST} == {"eth0", "eth1", "eth2"}
    lab.hand_over()
    assert lab.reaches(GUEST)


def test_names_that_clash_and_functions_that_stay_behind(lab: NetworkOsLab) -> None:
    made = lab.made
    lab.must(("start", None))
    made.clash("eth0")
    made.add_function(0)
    lab.hand_over()
    assert made.owners() == {"eth0": NOS, "eth1": NOS, "eth2": NOS}
    assert {link.namespace for link in made.nics()} == {NOS}
    assert lab.must(("again", None)) == [[]]
    assert lab.reaches(GUEST)
    lab.take_back()
    assert {link.name for link in made.nics() if link.namespace == HOST} == {
        "eth0",
        "eth1",
        "eth2",
        "enP1s1",
    }


def test_daemons_of_frr_die_and_no_route_is_lost(appliance_parts: Parts) -> None:
    with network_os_lab(appliance_parts, "frr", nics=1) as lab:
        made = lab.made
        subnet = made.cards[0].address.rsplit(".", 1)[0]
        lab.must(("day-zero", f"ip route 10.99.0.0/16 {subnet}.1\nrouter bgp 65000\n"))
        lab.hand_over()
        table = "ip route show | sed 's/nhid [0-9]* //' | sort"
        wait_for(lambda: "10.99.0.0/16" in made.sh(table, namespace=NOS), "FRR's own route", timeout=60)
        routes = made.sh(table, namespace=NOS)
        known = {"K>* 0.0.0.0/0 [254/0]", "S>* 10.99.0.0/16"}
        show = "vtysh -N limpet-nos -c 'show ip route'"
        wait_for(lambda: all(map(made.sh(show, namespace=NOS).__contains__, known)), "zebra", timeout=60)
        for dead in ("zebra", "staticd", "bgpd", "(zebra|staticd|bgpd)"):
            made.kill(f"^/usr/lib/frr/{dead} -N")
            assert made.sh(table, namespace=NOS) == routes, dead
            assert lab.must(("health", None))[0][0] == "wounded", dead
            watched = made.run(["timeout", "2", "ip", "monitor", "route"], namespace=NOS)
            lab.must(("revive", None))
            assert lab.must(("deep", None)) == [["healthy", None, None]], dead
            wait_for(lambda: made.sh(table, namespace=NOS) == routes, "the routes", timeout=60)
            assert "Deleted" not in watched.stdout
            assert lab.reaches(GUEST), dead
        made.kill("^/usr/lib/frr/zebra -N", signal="STOP")
        assert lab.must(("deep", None))[0][2] == "!zebra"
        lab.must(("revive", None))
        assert lab.must(("deep", None)) == [["healthy", None, None]]
        wait_for(lambda: "10.99.0.0/16" in made.sh(table, namespace=NOS), "FRR's own route", timeout=60)
        made.kill("^/usr/lib/frr/", signal="TERM")
        assert lab.reaches(GUEST), "the lease's routes are none of zebra's"
        lab.must(("revive", None))
        wait_for(lambda: made.sh(table, namespace=NOS) == routes, "the routes", timeout=60)


def test_custom_data_that_frr_does_not_understand_is_refused_whole(appliance_parts: Parts) -> None:
    with network_os_lab(appliance_parts, "frr", nics=1) as lab:
        told = lab.do(("day-zero", "ip route 10.99.0.0/16 10.0.0.1\nthere is no such command\n"))
        assert "cannot give the custom data to FRR" in told[0][0]
        assert lab.made.run(["test", "-e", "/etc/frr/limpet-nos/frr.conf"]).exit_code
        assert "there is no such command" in lab.made.machine.read("/var/log/limpet-frr.log")
        lab.hand_over()
        assert lab.reaches(GUEST)


def test_json_of_a_probe_says_what_did_not_answer(lab: NetworkOsLab) -> None:
    lab.must(("start", None))
    found = lab.probe(GUEST, timeout=0.5)
    assert all(each["problem"] for each in found["targets"])
    assert json.dumps(found)
