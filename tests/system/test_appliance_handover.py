"""Handovers that do not go as planned: F1, F2, F3 and F8 of network-appliance.md §8.4, provoked for real."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.system import supervised
from tests.system.supervised import enters, moves

from limpet.lab.appliance.sight import GUEST, HOST, NOS
from limpet.lab.clock import pause, wait_for

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system


def test_a_name_that_is_taken_in_the_network_os_does_not_stop_the_handover(appliance_parts: Parts) -> None:
    """F1: name clash."""
    with supervised.machine(appliance_parts, nics=3) as it:
        it.made.sh(f"ip netns add {NOS}")
        for name in ("eth0", "eth1"):
            it.made.clash(name)
        it.start()
        it.begins()
        it.await_stage("steady")
        report = it.await_guest_report(after=0)
        assert set(it.made.owners().values()) == {NOS}
        assert "rolling-back" not in it.states()
        names = [link.name for link in it.made.nics()]
        it.observed(
            "F1",
            f"a bridge with the names eth0, eth1: moved as {', '.join(names)}; steady after {it.took(report['at'])} s",
        )
        it.check()


def test_a_nic_that_is_taken_out_in_the_midst_of_the_moves_rolls_all_back(appliance_parts: Parts) -> None:
    """F1: NIC 2 of 3 cannot be moved."""
    with supervised.machine(appliance_parts, nics=3) as it:
        it.start()
        with it.halted(moves("eth1"), "the move of eth1"):
            it.begins()
            it.made.take_nic_out(1)
        before = it.serial()
        it.await_shown(
            lambda _: it.states()[-1:] == ["steady"] or "rescue" in it.states(), "rescue or steady"
        )
        told = it.await_report("rolled back", after=before) if "rescue" in it.states() else None
        if told is not None:
            it.observed(
                "F1",
                f"NIC 2 of 3 taken out: {it.states()[-3:]}, reported after {it.took(told['at'])} s: {supervised.text_of(told)}",
            )
        it.await_stage("steady")
        after = it.await_guest_report(after=before)
        it.observed(
            "F1",
            f"NIC 2 of 3 taken out: steady with the others after {it.took(after['at'])} s, states {it.states()}",
        )
        assert it.made.owners() == {"eth0": NOS, "eth1": "nowhere", "eth2": NOS}
        it.check()


def test_a_network_os_that_does_not_start_leaves_linux_reachable_until_it_does(
    appliance_parts: Parts,
) -> None:
    """F1: the driver's start fails; attempts are capped; an operator may ask for more."""
    with supervised.machine(appliance_parts, network_os="frr", nics=2, settings="attempts = 2\n") as it:
        it.made.sh("mv /usr/lib/frr/zebra /usr/lib/frr/zebra.kept; ln -s /bin/false /usr/lib/frr/zebra")
        it.start()
        it.begins()
        told = it.await_report("cannot be prepared", after=0)
        assert told["status"]["status"] == "NotReady"
        assert set(it.made.owners().values()) == {HOST}
        it.observed(
            "F1", f"FRR does not start: reported after {it.took(told['at'])} s: {supervised.text_of(told)}"
        )
        it.check_reachable()
        it.await_report("attempt 2 of 2", after=0)
        it.await_shown(lambda _: it.states().count("preparing") == 2 and it.stage() == "rescue", "the cap")
        it.made.sh("mv /usr/lib/frr/zebra.kept /usr/lib/frr/zebra")
        last, before = it.last(), it.serial()
        it.begins()
        it.made.run(["limpet", "appliance", "retry"]).checked()
        it.await_stage("steady")
        assert it.states(after=last) == ["booting", "preparing", "handing-over", "confirming", "steady"]
        report = it.await_guest_report(after=before)
        it.observed(
            "F1",
            f"FRR repaired, `limpet appliance retry`: guest shell reports after {it.took(report['at'])} s",
        )
        it.check()


def test_a_guest_that_the_network_os_does_not_let_through_is_told_from_a_nic_that_does_not_work(
    appliance_parts: Parts,
) -> None:
    """F2: the NAT's fault."""
    with supervised.machine(appliance_parts, nics=2, settings="") as it:
        drop = "add table ip operator; add chain ip operator f { type filter hook forward priority 0; }; add rule ip operator f drop"
        it.made.sh(f"ip netns add {NOS}; ip netns exec {NOS} nft '{drop}'")
        it.start()
        it.begins()
        told = it.await_report("rolled back", after=0)
        assert "the network OS reaches the fabric, the guest shell behind it does not" in supervised.text_of(
            told
        )
        it.observed(
            "F2",
            f"guest dropped by a rule: rolled back and reported after {it.took(told['at'])} s: {supervised.text_of(told)}",
        )
        moved = [each.facts for each in it.journal() if each.kind == "move"]
        assert [(each["name"], each["to"]) for each in moved][:4] == [  # the next attempt may have begun
            ("eth1", "network OS"), ("eth0", "network OS"), ("eth0", "linux"), ("eth1", "linux"),
        ]  # fmt: skip
        it.await_stage("steady")
        report = it.await_guest_report(after=0)
        it.observed(
            "F2", f"next attempt, without the rule: guest shell reports after {it.took(report['at'])} s"
        )
        back, over = wait_for(
            lambda: found if len(found := told_by_telemetry(it)) == 2 else None, "two events", timeout=60
        )
        assert (back["Operation"], over["Operation"]) == ("RollBack", "Handover")
        assert "behind it does not" in json.loads(back["Message"])["reason"]
        assert json.loads(over["Message"])["gap"] == round(it.shown()["handover"]["gap"], 3)
        it.observed("R16", f"by telemetry: {back['Message']}; {over['Message']}")
        it.check()


def told_by_telemetry(it: supervised.Supervised) -> list[dict[str, Any]]:
    """What the agents have sent of handovers."""
    events = [dict(each["parameters"]) for each in it.world.telemetry(it.name)]
    return [each for each in events if each.get("Name") == "limpet-appliance"]


def test_a_fabric_that_is_silent_while_the_nics_move_gets_them_back_and_another_try(
    appliance_parts: Parts,
) -> None:
    """F2 and F8: nobody answers from the network OS either."""
    with supervised.machine(appliance_parts, nics=2) as it:
        it.start()
        with it.halted(moves("eth0"), "the primary NIC's move"):
            it.begins()
            rule = it.world.add_fault("*", refused=True)["id"]
        it.await_state("rescue")
        back = it.took()
        assert set(it.made.owners().values()) == {HOST}
        it.check_reachable()
        before = it.serial()
        it.world.remove_fault(rule)
        it.await_report("does not reach the fabric either", after=before)
        it.await_stage("steady")
        report = it.await_guest_report(after=before)
        it.observed(
            "F8",
            f"fabric silent from the last move on: NICs back after {back} s; fabric back: guest shell reports at {it.took(report['at'])} s",
        )
        it.check()


@pytest.mark.parametrize("status", [503])
def test_no_handover_begins_while_the_fabric_refuses_reports(status: int, appliance_parts: Parts) -> None:
    """F8: errors before leaving."""
    with supervised.machine(appliance_parts, nics=2) as it:
        rule = it.world.add_fault("*", method="PUT", status=status)["id"]
        it.start()
        it.await_stage("preparing")
        pause(4)
        assert it.stage() == "preparing"
        assert set(it.made.owners().values()) == {HOST}
        it.begins()
        it.world.remove_fault(rule)
        it.await_stage("steady")
        report = it.await_guest_report(after=0)
        it.observed(
            "F8",
            f"status refused by {status} before the handover: put off; {it.took(report['at'])} s after it was taken again the guest shell reports",
        )
        it.check()


def test_a_virtual_function_goes_with_its_nic_and_follows_it_when_it_comes_late(
    appliance_parts: Parts,
) -> None:
    """F3."""
    with supervised.machine(appliance_parts, nics=2) as it:
        names = {it.made.add_function(0), it.made.add_function(1)}
        it.start()
        it.await_stage("steady")
        it.await_guest_report(after=0)
        assert {link.namespace for link in it.made.nics()} == {NOS}
        assert names <= {link.name for link in it.made.nics()}
        assert [nic["name"] for nic in it.shown()["nics"]] == ["eth0", "eth1"]
        for number in (1, 0):
            it.made.remove_function(number)
            last = it.last()
            it.begins()
            it.made.add_function(number)
            wait_for(
                lambda: [link.namespace for link in it.made.nics()] == [NOS] * 4,
                "the function to be moved",
                timeout=60,
            )
            moved = it.took()
            it.await_stage("steady")
            assert "rolling-back" not in it.states(after=last)
            it.await_poll()
            it.observed(
                "F3", f"function of NIC {number} appears late in Linux: in the network OS after {moved} s"
            )
        assert GUEST not in it.made.owners().values()
        it.check()


def test_a_supervisor_that_is_killed_in_any_stage_is_followed_by_one_that_goes_on_from_there(
    appliance_parts: Parts,
) -> None:
    with supervised.machine(appliance_parts, nics=2) as it:
        last = 0
        for stage in (
            "booting",
            "preparing",
            "handing-over",
            "rolling-back",
            "rescue",
            "confirming",
            "steady",
        ):
            it.start()
            last = it.kill_at(enters(stage), stage, after=last).number
        it.start()
        it.await_shown(
            lambda found: found.get("supervised", True) and it.runs() and it.stage() == "steady", "steady"
        )
        it.await_guest_report(after=0)
        it.observed("kill -9", f"the supervisor in each stage of the handover: {', '.join(it.states())}")
        it.check()
