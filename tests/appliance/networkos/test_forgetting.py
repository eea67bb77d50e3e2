"""What every driver forgets when its disk becomes an image, and what it does not: on a machine in memory. See rigs.py."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.rigs import RIGS, Rig, frr, kernel, site_for
from tests.appliance.networkos.vendor import FOLDER, Vendor

from limpet.appliance.networkos.frr.day_zero import CONFIGURATION, ORIGINAL
from limpet.appliance.networkos.hooks.driver import DAY_ZERO
from limpet.appliance.networkos.iosxe.driver import IosXeNetworkOs
from limpet.guest.forgetting import Forgetting, parse_forgetting, render_forgetting
from limpet.guest.steps import Copy, Remove, Run, Task, Write
from limpet.guest.translation import DayZero
from limpet.host.facts.custom_data import translated_for
from limpet.host.fake import PowerCut
from limpet.host.fake_commands import Said
from limpet.model.errors import MalformedDocument
from limpet.model.provisioning import OvfEnvironment
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.guest.site import Site

FIRST, SECOND = "6C8E1F0A-0000-4000-8000-000000000001", "6C8E1F0A-0000-4000-8000-000000000002"
PLACE = Path("/etc/frr/limpet-nos")
PASSING = ("/run/", "/proc/", "/sys/", "/var/log/")
"""Gone with the power, or with the logs."""


@pytest.fixture(params=sorted(RIGS))
def make(request: pytest.FixtureRequest) -> Callable[[Site], Rig]:
    return RIGS[request.param]


def asked(vm_id: str, text: str, made_for: str | None) -> DayZero:
    environment = OvfEnvironment(host_name="router", user_name="ada", custom_data=Secret(text))
    return DayZero(vm_id=vm_id, environment=environment, made_for=made_for)


def configured(rig: Rig, vm_id: str, text: str) -> None:
    """Day 0 of a VM, with custom data for every driver."""
    data = f"Section: FRR configuration\n{text}\nSection: IOS configuration\n{text}\n"
    files = rig.machine.files
    files.make_folder(Path("/var/log"))
    files.make_folder(Path("/etc"))
    rig.apply(rig.driver.day_zero(asked(vm_id, data, translated_for(files))))


def forget(rig: Rig) -> Forgetting:
    """As `limpet deprovision` does, which is told by another process."""
    plan = parse_forgetting(render_forgetting(rig.driver.forget(rig.machine.files)))
    rig.apply(plan.tasks)
    return plan


def disk(rig: Rig) -> dict[str, bytes | None]:
    """What is in files; folders that were made stay."""
    return {
        str(path): node.content
        for path, node in rig.machine.files.nodes.items()
        if node.content is not None and not str(path).startswith(PASSING)
    }


def test_nothing_of_day_0_is_left_and_nothing_else_is_touched(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.machine.files.make_folder(PLACE)
    rig.machine.files.replace(PLACE / CONFIGURATION, b"! the image's own\n")
    rig.machine.files.replace(PLACE / "daemons", b"bgpd=yes\n")
    before = disk(rig)
    configured(rig, FIRST, "ip route 10.9.0.0/16 10.0.0.1 name first-vm")
    assert translated_for(rig.machine.files) == FIRST
    forget(rig)
    assert disk(rig) == before
    assert translated_for(rig.machine.files) is None


def test_it_may_be_handed_over_and_goes_on_while_it_forgets(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    configured(rig, FIRST, "ip route 10.9.0.0/16 10.0.0.1")
    rig.hand_over()
    forget(rig)
    assert all(rig.holds(nic) for nic in rig.site.nics)
    files, commands = rig.machine.files, rig.machine.commands
    assert rig.driver.health(rig.site, files, commands, deep=True).problem is None


def test_a_copy_is_configured_by_its_own_custom_data_alone(make: Callable[[Site], Rig]) -> None:
    rig, alone = make(site_for(2)), make(site_for(2))
    configured(rig, FIRST, "ip route 10.9.0.0/16 10.0.0.1 name first-vm")
    forget(rig)
    configured(rig, SECOND, "ip route 10.8.0.0/16 10.0.0.1")
    configured(alone, SECOND, "ip route 10.8.0.0/16 10.0.0.1")
    assert disk(rig) == disk(alone)


def test_planning_again_what_is_forgotten_gives_nothing(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    configured(rig, FIRST, "ip route 10.9.0.0/16 10.0.0.1")
    forget(rig)
    again = forget(rig)
    assert rig.blind or again.tasks == ()


def test_a_power_cut_at_any_moment_is_made_good_by_forgetting_again(make: Callable[[Site], Rig]) -> None:
    def used() -> Rig:
        rig = make(site_for(2))
        rig.machine.files.make_folder(PLACE)
        rig.machine.files.replace(PLACE / CONFIGURATION, b"! the image's own\n")
        configured(rig, FIRST, "ip route 10.9.0.0/16 10.0.0.1")
        rig.machine.battery.spent = 0
        return rig

    whole = used()
    forget(whole)
    for point in range(whole.machine.battery.spent + 1):
        rig = used()
        rig.machine.battery.left = point
        with suppress(PowerCut):
            forget(rig)
        rig.machine.battery.left = None
        forget(rig)
        assert disk(rig) == disk(whole), f"after {point} changes"


def test_what_was_written_over_custom_data_since_goes_with_it() -> None:
    rig = frr(site_for(1))
    configured(rig, FIRST, "ip route 10.9.0.0/16 10.0.0.1")
    for name in (CONFIGURATION, "frr.conf.sav"):
        rig.machine.files.replace(PLACE / name, b"neighbor 10.0.0.9 password secret\n")
    assert forget(rig).notes == ()
    assert disk(rig) == disk(frr(site_for(1)))


def test_a_configuration_that_no_custom_data_made_stays_and_that_is_told() -> None:
    rig = frr(site_for(1))
    rig.machine.files.make_folder(PLACE)
    rig.machine.files.replace(PLACE / CONFIGURATION, b"router bgp 65000\n")
    rig.apply(rig.driver.day_zero(asked(FIRST, "#!/bin/sh\n", None)))
    (note,) = forget(rig).notes
    assert "frr.conf stays" in note
    assert rig.machine.files.read(PLACE / CONFIGURATION, at_most=100) == b"router bgp 65000\n"


def test_a_copy_that_was_not_deprovisioned_does_not_take_another_vms_configuration_for_the_images() -> None:
    rig = frr(site_for(1))
    rig.machine.files.make_folder(PLACE)
    rig.machine.files.replace(PLACE / CONFIGURATION, b"! the image's own\n")
    configured(rig, FIRST, "ip route 10.9.0.0/16 10.0.0.1")
    configured(rig, SECOND, "ip route 10.8.0.0/16 10.0.0.1")
    assert rig.machine.files.read(PLACE / ORIGINAL, at_most=100) == b"! the image's own\n"
    forget(rig)
    assert rig.machine.files.read(PLACE / CONFIGURATION, at_most=100) == b"! the image's own\n"


def test_a_vendor_without_a_program_for_it_is_told_so() -> None:
    vendor = Vendor()
    vendor.lacks("forget")
    vendor.machine.files.make_folder(DAY_ZERO)
    found = vendor.driver.forget(vendor.machine.files)
    assert [step for task in found.tasks for step in task.steps] == [Remove(DAY_ZERO)]
    assert found.notes == (
        f"The network OS keeps what it was configured with: {FOLDER} has no program forget.",
    )


@pytest.mark.parametrize("way", ["program", "folder"])
def test_a_program_that_others_can_change_is_not_run_and_the_disk_is_no_image(way: str) -> None:
    vendor = Vendor()
    if way == "program":
        vendor.has("forget", mode=0o777)
    else:
        vendor.machine.files.remove(FOLDER)
    (outcome, *_) = vendor.machine.interpreter.apply(vendor.driver.forget(vendor.machine.files).tasks)
    assert outcome.failed
    assert vendor.heard == []


def test_what_a_program_complains_of_is_the_reason() -> None:
    vendor = Vendor()
    vendor.machine.commands.programs["forget"] = lambda _files, _call: Said(exit_code=75, stderr="busy\n")
    plan = parse_forgetting(render_forgetting(vendor.driver.forget(vendor.machine.files)))
    (outcome,) = vendor.machine.interpreter.apply(plan.tasks)
    assert "it cannot do this now" in (outcome.problem or "")
    assert "busy" in (outcome.problem or "")


def test_a_router_forgets_what_is_below_it_too() -> None:
    vendor = Vendor()
    driver = IosXeNetworkOs(below=vendor.driver, vendor=True)
    files = vendor.machine.files
    files.make_folder(Path("/bootflash"))
    files.replace(Path("/bootflash/iosxe_config.txt"), b"secret")
    vendor.machine.interpreter.apply(driver.forget(files).tasks)
    assert files.info(Path("/bootflash/iosxe_config.txt")) is None
    assert [each["verb"] for each in vendor.heard] == ["forget"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"version": 2}',
        b'{"version": 1, "networkOs": "frr", "notes": [], "tasks": [{"name": "x", "purpose": "y", "steps": [{}]}]}',
        b'{"version": 1, "networkOs": "frr", "notes": [], "tasks": [{"name": "x", "purpose": "y", "steps": [{"remove": "etc"}]}]}',
        b'{"version": 1, "networkOs": "frr", "notes": [], "tasks": [{"name": "x", "purpose": "y", "steps": [{"remove": "/a/../b"}]}]}',
        b'{"version": 1, "networkOs": "frr", "notes": [], "tasks": [{"name": "x", "purpose": "y", "steps": [{"run": []}]}]}',
    ],
)
def test_a_plan_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse_forgetting(content)


@pytest.mark.parametrize(
    "step", [Write(Path("/a"), b""), Run(("true",), stdin=Secret(b"secret"))], ids=["a write", "a secret"]
)
def test_nothing_else_than_forgetting_and_no_secret_is_told(step: Write | Run) -> None:
    with pytest.raises(TypeError, match="does not forget by"):
        render_forgetting(Forgetting(network_os="x", tasks=(Task(name="t", purpose="p", steps=(step,)),)))


def test_steps_are_told_as_they_are() -> None:
    steps = (Copy(Path("/a"), Path("/b")), Remove(Path("/c")), Run(("/d", "e"), stdin=b"\0\xff", timeout=7.0))
    plan = Forgetting(
        network_os="x",
        notes=("n",),
        tasks=(Task(name="t", purpose="p", steps=steps, problem="q", advice="r"),),
    )
    assert parse_forgetting(render_forgetting(plan)) == plan


def test_a_namespace_leaves_nothing_on_the_disk() -> None:
    rig = kernel(site_for(2))
    before = disk(rig)
    rig.hand_over()
    assert disk(rig) == before
