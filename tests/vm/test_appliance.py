"""An appliance in a virtual machine: real NICs, systemd's units, FRR and LXC; and its fabric, which sees the whole story from outside."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.system.test_guest_shell_limits import EATER, FORKS
from tests.vm.appliance_vm import HOST_NAME, MADE, STORY, check_extension, started, steady, tell
from tests.vm.conftest import say
from tests.vm.limpet_vm import PROVISIONING, READY

from limpet.lab.clock import now, wait_for
from limpet.lab.rootfs import default_cache
from limpet.lab.vm.appliance import GUEST_GROUP, PATIENCE, VmAppliance, is_stand_in, text_of
from limpet.lab.vm.appliance_figures import figures
from limpet.lab.vm.appliance_image import GUEST_MEMORY, GUEST_PIDS
from limpet.lab.vm.rack import rack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.vm.rack import Rack
    from limpet.lab.vm.ssh import Key

FORGET_NAMESPACE = "pids=$(ip netns pids limpet-nos); ip netns del limpet-nos; kill -9 $pids"
"""As when all of a network OS dies: the kernel gives its NICs back to Linux."""


@pytest.fixture(scope="module")
def strict() -> Iterator[Rack]:
    """A fabric whose metadata service answers nobody but the primary NIC's primary address."""
    with rack(default_cache(), say, "--strict") as made:
        yield made


@contextmanager
def first_boot(strict: Rack, key: Key, network_os: str, nics: int) -> Iterator[VmAppliance]:
    with started(strict, key, f"router-{network_os}", network_os=network_os, nics=nics) as made:
        steady(made, after=0, reports=0)
        yield made


@pytest.fixture(scope="module")
def router(strict: Rack, key: Key) -> Iterator[VmAppliance]:
    """With FRR and three NICs, in its steady state; every test leaves it in that."""
    with first_boot(strict, key, "frr", 3) as made:
        tell_story(made)
        yield made


def tell_story(made: VmAppliance) -> None:
    """The first boot, in figures."""
    for line in figures(made):
        tell(line)


def test_the_kernel_as_network_os_from_provisioning_to_an_extension(strict: Rack, key: Key) -> None:
    with first_boot(strict, key, "kernel", 2) as made:
        tell_story(made)
        assert made.states() == STORY
        assert made.words() == [PROVISIONING, READY]
        check_extension(made, "1.0.0", "hello")
        assert made.machine.settle() == "running"


def test_the_fabric_sees_the_stages_and_then_what_the_guest_shell_installs(router: VmAppliance) -> None:
    reports = router.rack.world.statuses(router.name)
    texts = [text_of(each) for each in reports if is_stand_in(each)]
    assert texts[0].startswith("handover pending")
    assert any(text.startswith("handover in progress") for text in texts)
    assert router.words()[:2] == [PROVISIONING, READY]
    assert router.machine.told("hostname") == HOST_NAME
    check_extension(router, "1.1.0", "hello")
    # Health probes of the platform reach every NIC, and go back by the one that they came by.
    assert [router.probe(number, 9) for number in range(3)] == ["Connection refused"] * 3


def test_limits_of_the_guest_shell_end_what_breaks_them_and_nothing_else(router: VmAppliance) -> None:
    group = GUEST_GROUP
    said = router.machine.told(f"cat {group}/memory.max {group}/pids.max").split()
    assert said == [str(GUEST_MEMORY << 20), str(GUEST_PIDS)]
    agent = router.in_guest("systemctl show --property=MainPID --value limpet-agent").stdout
    init = router.machine.told("cat /run/limpet/guest/guest-shell/init")
    last = router.last()
    assert router.in_shell(EATER).exit_code == 128 + 9
    assert router.probe(0, 9) == "Connection refused"
    count, _, reason = router.in_shell(FORKS).stdout.partition(" ")
    assert 0 < int(count) < GUEST_PIDS
    assert reason.strip() == "Resource temporarily unavailable"
    assert router.in_guest("systemctl show --property=MainPID --value limpet-agent").stdout == agent
    assert router.machine.told("cat /run/limpet/guest/guest-shell/init") == init
    assert router.states(after=last) == []
    before = router.serial()
    router.rack.world.rotate_certificates(router.name)
    router.await_guest_report(after=before)


def test_a_reboot_hands_over_again_and_provisions_nothing_twice(router: VmAppliance) -> None:
    made, last, before = router.machine.told(MADE), router.last(), router.serial()
    asked = router.words().count(PROVISIONING)
    began = now()
    router.machine.reboot()
    tell(f"reboot: asked to go down -> first command of the next boot {now() - began:.0f} s")
    steady(router, after=last, reports=before)
    assert router.states(after=last) == STORY
    assert router.machine.told(MADE) == made
    assert router.words().count(PROVISIONING) == asked
    tell(f"reboot: asked to go down -> steady and reported {now() - began:.0f} s")
    tell_story(router)


def test_a_clock_that_is_set_forward_and_back_changes_nothing(router: VmAppliance) -> None:
    """F11: the wall clock of the whole machine, which its guest shell shares."""
    last = router.last()
    grant = router.machine.told("cat /run/limpet/appliance/grant.json")
    agent = router.in_guest("systemctl show --property=MainPID --value limpet-agent").stdout
    for jump in ("+400 days", "-800 days", "+400 days", "-5 seconds"):
        before, began = router.serial(), now()
        router.machine.told(f"date --set '{jump}'")
        router.rack.world.publish(router.name)
        report = router.await_guest_report(after=before)
        tell(f"clock set {jump}: the guest shell reports a new goal state after {now() - began:.0f} s")
        assert report["status"]["status"] == "Ready"
    assert router.states(after=last) == []
    assert router.machine.told("cat /run/limpet/appliance/grant.json") == grant
    assert router.in_guest("systemctl show --property=MainPID --value limpet-agent").stdout == agent


def test_nics_that_the_kernel_gives_back_when_the_network_os_dies_are_handed_over_again(
    router: VmAppliance,
) -> None:
    last, before = router.last(), router.serial()
    began = now()
    router.machine.told(FORGET_NAMESPACE)
    wait_for(lambda: "rolling-back" in router.states(after=last), "it to be noticed", timeout=PATIENCE)
    told = router.await_report(is_stand_in, "a report of it", after=before)
    tell(f"network OS gone: reported after {now() - began:.0f} s: {text_of(told)}")
    steady(router, after=last, reports=told["serial"])
    states = router.states(after=last)
    tell(f"network OS gone: steady and reported after {now() - began:.0f} s, by {', '.join(states)}")
    assert states[0] == "rolling-back"
    assert states[-len(STORY) :] == STORY
