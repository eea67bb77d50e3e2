"""`limpet appliance plan`: what a handover would do, said so that a person can check it, and nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.rigs import kernel, lease_for, site_for

from limpet.appliance.commands.plan import plan, show
from limpet.appliance.guest.images import FACTORY
from limpet.config.settings import Config
from limpet.guest.lease import SAVED_LEASE, render_lease
from limpet.host.fake_devices import by_the_kernel
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from tests.appliance.networkos.rigs import Rig


@pytest.fixture
def rig() -> Rig:
    made = kernel(site_for(2))
    made.machine.files.make_folder(SAVED_LEASE.parent)
    made.machine.files.replace(SAVED_LEASE, render_lease(lease_for(0)))
    return made


def test_every_move_is_there_with_its_opposite_and_the_primary_nic_is_last(rig: Rig) -> None:
    machine = rig.machine
    found = plan(Config(), machine.files, machine.commands, machine.kernel)
    assert [move["name"] for move in found["moves"]] == ["claim eth1", "claim eth0"]
    assert "| link set dev eth0 netns limpet-nos name eth0" in found["moves"][1]["forward"]
    assert "| link set dev eth0 netns 1 name eth0" in found["moves"][1]["back"]
    assert any("address add 10.0.0.16/24" in line for line in found["addresses"]["eth0"])
    assert any("snat to 10.0.0.16" in line for task in found["before"] for line in task["steps"])


def test_showing_a_plan_changes_nothing(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    machine = rig.machine
    before = (rig.linux(), dict(machine.files.nodes))
    assert show(Config(), machine.files, machine.commands, machine.kernel, as_json=False) == 0
    assert (rig.linux(), dict(machine.files.nodes)) == before
    said = capsys.readouterr().out
    assert said.index("give eth1 to the network OS") < said.index("give eth0 to the network OS")


def test_after_a_handover_it_says_where_the_nics_are(rig: Rig) -> None:
    machine = rig.machine
    rig.hand_over()
    with pytest.raises(HostError, match="with the network OS already"):
        plan(Config(), machine.files, machine.commands, machine.kernel)


def test_the_guest_shell_that_is_parked_before_is_in_it(rig: Rig) -> None:
    machine = rig.machine
    machine.files.make_folder(FACTORY[0].parent)
    machine.files.replace(FACTORY[0], b"squashfs")
    with by_the_kernel(machine.files):
        machine.files.make_folder(Path("/proc/self"))
        machine.files.replace(Path("/proc/self/mountinfo"), b"")
    found = plan(Config(), machine.files, machine.commands, machine.kernel)["guestShell"]
    assert found["problem"] is None
    assert any("lxc-start" in step for task in found["tasks"] for step in task["steps"])


def test_a_guest_shell_that_cannot_be_started_is_told(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    machine = rig.machine
    show(Config(), machine.files, machine.commands, machine.kernel, as_json=False)
    assert "guest shell: there is no image" in capsys.readouterr().out
