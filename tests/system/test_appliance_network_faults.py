"""What goes wrong with the network OS after the handover: F4, F5, F8, F12, F15 and F16 of network-appliance.md §8.4, provoked for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.system import supervised

from limpet.lab.appliance.sight import HOST, NOS
from limpet.lab.clock import pause, wait_for

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system

FRR = "^/usr/lib/frr/(zebra|staticd) "
DEFAULT = f"ip -n {NOS} route show default"


@pytest.mark.parametrize("killed", ["zebra", "(zebra|staticd)"])
def test_daemons_of_the_network_os_that_die_come_back_and_nothing_stops_meanwhile(
    killed: str, appliance_parts: Parts
) -> None:
    """F4."""
    with supervised.steady(appliance_parts, network_os="frr", nics=2) as it:
        routes, guest, last = it.made.sh(DEFAULT), it.guest(), it.last()
        witness = f"ip -n {NOS} monitor route > /run/routes"
        it.made.run(["systemd-run", "--quiet", "--unit=witness", "sh", "-c", witness]).checked()
        it.begins()
        assert it.made.kill(f"^/usr/lib/frr/{killed} ")
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "it to be repaired")
        back = it.took()
        wait_for(lambda: len(it.made.run(["pgrep", "-f", FRR]).stdout.split()) == 2, "FRR", timeout=60)
        assert it.states(after=last) == ["repairing", "confirming", "steady"]
        assert it.made.sh(DEFAULT) == routes
        assert "Deleted default" not in it.made.machine.read("/run/routes")
        assert it.guest() == guest
        assert not [each for each in it.journal() if each.number > last and each.kind in {"move", "grant"}]
        it.await_poll()
        it.observed(
            "F4", f"kill -9 {killed}: back after {back} s; default route never deleted, agent not restarted"
        )
        it.check()


def test_nics_that_fall_back_to_linux_are_addressed_and_handed_over_anew(appliance_parts: Parts) -> None:
    """F5: the namespace is gone, with everything in it."""
    with supervised.steady(appliance_parts, network_os="frr", nics=2) as it:
        last, before = it.last(), it.serial()
        it.begins()
        it.made.sh(f"ip netns delete {NOS}; pkill -KILL -f '^/usr/lib/frr/'")
        wait_for(lambda: it.made.lost_nics() == [0, 1], "the NICs to go", timeout=60)
        for number in it.made.lost_nics():
            it.made.put_nic_in(number, name="dev9" if number == 0 else None)
        wait_for(
            lambda: "10.0.0.4/24" in it.made.nics()[0].addresses and it.made.nics()[0].namespace == HOST,
            "Linux to have its address", timeout=180,
        )  # fmt: skip
        addressed = it.took()
        told = it.await_report("rolled back", after=before)
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "the new handover")
        report = it.await_guest_report(after=before)
        assert it.states(after=last) == [
            "rolling-back", "rescue", "booting", "preparing", "handing-over", "confirming", "steady",
        ]  # fmt: skip
        assert set(it.made.owners().values()) == {NOS}
        it.observed(
            "F5",
            f"namespace and daemons gone, NICs back in Linux, one as dev9: addressed after {addressed} s, "
            f"reported after {it.took(told['at'])} s, guest shell reports again after {it.took(report['at'])} s",
        )
        it.check()


def test_nics_come_late_and_the_vm_goes_to_another_container(appliance_parts: Parts) -> None:
    """F12."""
    with supervised.steady(appliance_parts, nics=1) as it:
        last = it.last()
        it.begins()
        late = it.made.add_late_nic()
        wait_for(
            lambda: f"{late.address}/24" in it.made.nics()[1].addresses and it.made.owners()[late.name] == NOS,
            "the new NIC to have its address", timeout=180,
        )  # fmt: skip
        took = it.took()
        it.await_stage("steady")
        assert it.states(after=last) == ["handing-over", "confirming", "steady"]
        assert not [each for each in it.journal() if each.number > last and each.kind == "grant"]
        it.observed(
            "F12", f"a NIC more: in the network OS with its DHCP address after {took} s; the agent went on"
        )
        it.begins()
        it.world.hibernate(it.name)
        before = it.serial()
        container = it.world.vm(it.name)["containerId"]
        it.publish_nothing()
        report = it.await_guest_report(after=before)
        it.observed(
            "F12",
            f"another container (410 for the old one): reported under it after {it.took(report['at'])} s",
        )
        last = it.last()
        it.made.reboot()
        it.start()
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "steady after the reboot")
        assert [each.facts["container_id"] for each in it.journal() if each.kind == "identity"][
            -1
        ] == container
        assert set(it.made.owners().values()) == {NOS}
        it.check()


@pytest.mark.parametrize("verdict", ["drop", "reject with icmp type admin-prohibited"])
def test_an_operators_rules_that_block_the_agent_are_reported_and_move_nothing(
    verdict: str, appliance_parts: Parts
) -> None:
    """F15; and F8, as the fabric's silence looks the same from the guest."""
    with supervised.steady(appliance_parts, nics=2) as it:
        last, before = it.last(), it.serial()
        chain = "add table ip operator; add chain ip operator f { type filter hook forward priority 0; }"
        it.begins()
        it.made.sh(f"ip netns exec {NOS} nft '{chain}; add rule ip operator f {verdict}'")
        found = it.await_shown(
            lambda found: "the guest shell behind it does not" in (found.get("problem") or ""),
            "the cause",
            timeout=180,
        )
        word = verdict.split(maxsplit=1)[0]
        it.observed(
            "F15",
            f"an operator's rule ({word}) for the guest: `limpet show` tells after {it.took()} s: {found['problem']}",
        )
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "a look at rules and routes")
        it.await_shown(
            lambda found: "behind it does not" in (found.get("problem") or ""), "the cause to stay"
        )
        assert not {"rolling-back", "rescue"} & set(it.states(after=last))
        assert set(it.made.owners().values()) == {NOS}
        it.begins()
        it.made.sh(f"ip netns exec {NOS} nft delete table ip operator")
        it.publish_nothing()
        report = it.await_guest_report(after=before)
        it.observed("F15", f"rule ({word}) removed: the guest shell reports after {it.took(report['at'])} s")
        it.await_shown(
            lambda found: found.get("problem") is None and found["stage"] == "steady", "no problem"
        )
        it.check()


def test_a_rule_that_drops_what_goes_to_the_metadata_service_alone_is_reported_and_moves_nothing(
    appliance_parts: Parts,
) -> None:
    """F15: the agent itself has no need of that service; its extensions have."""
    with supervised.steady(appliance_parts, nics=2) as it:
        last, before = it.last(), it.serial()
        chain = "add table ip operator; add chain ip operator f { type filter hook forward priority 0; }"
        it.begins()
        it.made.sh(f"ip netns exec {NOS} nft '{chain}; add rule ip operator f ip daddr 169.254.169.254 drop'")
        cause = "the network OS reaches the metadata service, the guest shell behind it does not"
        found = it.await_shown(lambda found: cause in (found.get("problem") or ""), "the cause", timeout=240)
        it.observed(
            "F15",
            f"a rule that drops packets to the metadata service alone: `limpet show` tells after {it.took()} s: {found['problem']}",
        )
        assert "168.63.129.16" not in found["problem"]
        it.await_report("the instance metadata service does not answer", after=before)
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "a look at rules and routes")
        assert not {"rolling-back", "rescue"} & set(it.states(after=last))
        assert set(it.made.owners().values()) == {NOS}
        it.begins()
        it.made.sh(f"ip netns exec {NOS} nft delete table ip operator")
        it.await_shown(
            lambda found: found.get("problem") is None and found["stage"] == "steady", "no problem"
        )
        it.observed("F15", f"that rule removed: nothing is wrong any more after {it.took()} s")
        told = it.in_guest("journalctl -u limpet-agent --no-pager | grep -c metadata.silent")
        assert told.strip() == "1"
        it.check()


def test_a_route_to_the_metadata_service_that_is_taken_away_is_put_back(appliance_parts: Parts) -> None:
    """F15, where what an operator has done is not his configuration but a slip."""
    with supervised.steady(appliance_parts, network_os="frr", nics=2) as it:
        last, service = it.last(), "169.254.169.254"
        it.begins()
        it.made.sh(f"ip -n {NOS} route replace blackhole {service}/32")
        wait_for(
            lambda: " dev eth0 " in it.made.run(["ip", "-n", NOS, "route", "get", service]).stdout,
            "the route to be there again",
            timeout=240,
        )
        it.observed("F15", f"a route to the metadata service alone, taken away: back after {it.took()} s")
        it.await_shown(
            lambda found: found.get("problem") is None and found["stage"] == "steady", "no problem"
        )
        assert not {"rolling-back", "rescue"} & set(it.states(after=last))
        it.check()


@pytest.mark.parametrize("status", [503, 403])
def test_a_fabric_that_refuses_afterwards_moves_nothing(status: int, appliance_parts: Parts) -> None:
    """F8 after the handover, and F16."""
    with supervised.steady(appliance_parts, nics=1) as it:
        last, before, guest = it.last(), it.serial(), it.guest()
        rule = it.world.add_fault("*", status=status)["id"]
        found = it.await_shown(
            lambda found: (found.get("status") or {}).get("problem"), "the agent's problem", timeout=120
        )
        pause(3)
        it.begins()
        it.world.remove_fault(rule)
        it.publish_nothing()
        report = it.await_guest_report(after=before)
        case = "F16" if status in {401, 403} else "F8"
        it.observed(
            case,
            f"everything answered by {status}: shown as {found['status']['problem']!r}, nothing moved; report {it.took(report['at'])} s after its end",
        )
        # It may have looked at rules and routes, where all this took half a minute.
        assert set(it.states(after=last)) <= {"confirming", "steady"}
        assert not [each for each in it.journal() if each.number > last and each.kind in {"move", "grant"}]
        assert it.guest() == guest
        it.check()


@pytest.mark.parametrize("status", [403])
def test_a_fabric_that_refuses_an_unproven_client_is_recognised_before_and_after_the_handover(
    status: int, appliance_parts: Parts
) -> None:
    """F16: the Metadata Security Protocol is enforced from the first boot on."""
    with supervised.machine(appliance_parts, nics=1) as it:

        def ready() -> bool:
            return "Ready" in [each["words"] for each in it.world.provisioning(it.name)["reports"]]

        rule = it.world.add_fault("*", status=status)["id"]
        it.begins()
        it.start()
        found = it.await_shown(lambda found: found["stage"] == "preparing", "boot to go on")
        it.check_reachable()
        took = it.took()
        assert "the fabric could not be told" in found["problem"]
        it.await_stage("steady", timeout=120)
        found = it.await_shown(
            lambda found: "403" in ((found.get("status") or {}).get("problem") or ""),
            "the refusal",
            timeout=120,
        )
        it.observed(
            "F16",
            f"{status} from the first boot on: the handover is prepared after {took} s, steady after {it.took()} s; "
            f"shown: {found['status']['problem']!r}",
        )
        assert not {"rolling-back", "rescue"} & set(it.states())
        assert not ready()
        it.begins()
        it.world.remove_fault(rule)
        wait_for(ready, "Ready", timeout=120)
        report = it.await_guest_report(after=0)
        it.observed("F16", f"{status} lifted: guest shell reports after {it.took(report['at'])} s")
        it.check()
