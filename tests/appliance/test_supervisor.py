"""The supervisor on a machine in memory: reboots at every point, ends and kills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.appliance.simulation.agents import quick_boot
from tests.appliance.simulation.looking import flows, shown, steady, visited
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.troubles import SECOND
from tests.appliance.simulation.world import PRIMARY, World

from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.images import image_to_start
from limpet.appliance.guest.slots import DOCUMENT, FILE, RECORD, Image, Slots, render_image, render_slots
from limpet.appliance.phases.ending import FAREWELL, UNIT
from limpet.appliance.phases.preparing import LEASE_WITHIN
from limpet.appliance.states import State
from limpet.guest.fabric_lease import Holder
from limpet.guest.lease import SAVED_LEASE
from limpet.host.fake_commands import Call, Said

if TYPE_CHECKING:
    from limpet.host.fake_appliance import FakeChild

# the reboot table (§8.5)

AGAIN = [State.BOOTING, State.PREPARING, State.HANDING_OVER, State.CONFIRMING, State.STEADY]


@pytest.mark.parametrize(
    ("row", "state", "after", "then"),
    [
        ("before provisioning, or during it", State.BOOTING, 0.05, AGAIN),
        ("Ready posted, handover not begun", State.PREPARING, 0.05, AGAIN),
        ("handed over, guest not confirmed", State.CONFIRMING, 0.01, AGAIN),
        ("steady", State.STEADY, 5.0, AGAIN),
    ],
)
def test_a_reboot_begins_with_the_boot_stage_and_hands_over_again(
    world: World, row: str, state: State, after: float, then: list[State]
) -> None:
    world.reach(state)
    world.live(after)
    world.states.clear()
    world.restart()
    world.reach(State.STEADY)
    assert visited(world) == then, row
    assert world.fabric.provisioned == [world.vm_id]
    flows(world)


def test_a_reboot_in_the_midst_of_the_moves_takes_back_first_and_counts_the_try(world: World) -> None:
    world.program.after_move = lambda: world.time.after(0.0, world.power_off)
    world.program.slow["dress"] = 0.5
    world.reach(State.HANDING_OVER)
    world.live(1.0)
    world.program.after_move = lambda: None
    world.program.slow.clear()
    world.states.clear()
    world.power_on()
    world.reach(State.STEADY)
    assert visited(world) == [State.ROLLING_BACK, State.RESCUE, *AGAIN]
    flows(world)


def test_a_reboot_in_the_midst_of_a_roll_back_finishes_it_first(world: World) -> None:
    world.program.refuses[f"claim {PRIMARY}"] = 1
    world.program.slow["release"] = 2.0
    world.reach(State.ROLLING_BACK)
    world.live(1.0)
    world.program.slow.clear()
    world.states.clear()
    world.restart()
    world.reach(State.STEADY)
    assert visited(world) == [State.ROLLING_BACK, State.RESCUE, *AGAIN]
    flows(world)


def test_a_reboot_in_the_midst_of_an_upgrade_starts_the_last_confirmed_image(world: World) -> None:
    steady(world)
    for slot in ("a", "b"):
        path = STORE / "images" / slot / FILE
        world.put(path, b"squashfs")
        world.put(path.parent / RECORD, render_image(Image(path=path, digest="0" * 64, size=8)))
    tried = Slots(confirmed="a", tried="b", boot=f"boot-{world.boots}")
    world.put(STORE / "images" / DOCUMENT, render_slots(tried))
    assert image_to_start(world.machine.files).parent.name == "b"
    world.restart()
    steady(world)
    assert image_to_start(world.machine.files).parent.name == "a"
    flows(world)


def test_steady_with_dhcp_silent_after_the_reboot_goes_by_the_saved_lease(world: World) -> None:
    steady(world)
    world.power_off()
    world.fabric.dhcp_silent = world.time.monotonic() + 900.0
    world.power_on()
    world.reach(State.STEADY)
    flows(world)


def forgetful_boot(world: World, child: FakeChild) -> None:
    """A boot stage whose lease is not on the disk when it has ended."""
    ended = child.end

    def end(*said: Any, **more: Any) -> None:
        world.machine.files.remove(SAVED_LEASE)
        ended(*said, **more)

    child.end = end  # type: ignore[method-assign]
    quick_boot(world, child)


def test_a_lease_that_boot_has_not_kept_is_asked_for_before_anything_moves(world: World) -> None:
    world.boot_program = forgetful_boot
    world.reach(State.STEADY)
    assert visited(world) == AGAIN
    flows(world)


def test_a_network_without_dhcp_puts_a_handover_off_but_does_not_keep_it_from_beginning(world: World) -> None:
    world.boot_program = forgetful_boot
    world.children.programs["limpet.appliance.workers.dhcp"] = lambda child: child.end(1)
    world.reach(State.HANDING_OVER)
    assert LEASE_WITHIN < world.time.monotonic() - 1000.0 < 3 * LEASE_WITHIN


# kills and ends


@pytest.mark.parametrize("state", [State.CONFIRMING, State.STEADY])
def test_a_supervisor_that_is_started_anew_goes_on_and_the_guest_never_notices(
    world: World, state: State
) -> None:
    world.reach(state)
    world.live(0.02)
    instance, moves = world.containers.instance, len(world.networks.moves)
    world.kill_supervisor()
    world.live(10.0)
    assert world.state is State.STEADY
    assert world.containers.instance == instance
    assert len(world.networks.moves) == moves
    flows(world)


def test_no_epoch_is_ever_granted_twice(world: World) -> None:
    steady(world)
    world.journal.full = world.machine.files.full = True
    world.containers.die("killed")
    world.live(10.0)
    world.kill_supervisor()
    world.live(10.0)
    world.journal.full = world.machine.files.full = False
    world.live(10.0)
    world.restart()
    steady(world)
    epochs = [each["epoch"] for each in world.log.of("fabric_lease.granted")]
    assert len(epochs) == len(set(epochs))


@pytest.mark.parametrize("state", [State.HANDING_OVER, State.ROLLING_BACK])
def test_an_end_that_is_asked_for_in_the_midst_of_moves_waits_for_them(world: World, state: State) -> None:
    world.program.slow |= {"claim": 1.0, "release": 1.0}
    if state is State.ROLLING_BACK:
        world.program.refuses[f"claim {PRIMARY}"] = 1
    world.reach(state)
    world.live(0.5)
    world.stop_supervisor()
    world.live(20.0)
    assert world.supervisor is None
    where = {world.networks.where(mac)[0] for mac in (PRIMARY, SECOND)}  # type: ignore[index]
    assert where == ({NOS} if state is State.HANDING_OVER else {""})
    if state is State.HANDING_OVER:
        assert world.fabric.taken[-1].holder is Holder.GUEST_SHELL
        assert world.since_status < 8.0
    world.start_again()
    flows(world)


def test_a_supervisor_that_ends_leaves_everything_as_it_is(world: World) -> None:
    steady(world)
    world.stop_supervisor()
    world.live(60.0)
    assert world.supervisor is None
    assert world.fabric.taken[-1].holder is Holder.GUEST_SHELL
    assert world.since_status < 8.0
    assert shown(world)["stage"] == "stopped"
    world.start_again()
    world.live(5.0)
    assert visited(world) == [State.STEADY]


def test_while_the_service_is_stopped_systemd_is_left_what_ends_the_guest_shell_with_the_machine(
    world: World,
) -> None:
    asked: list[tuple[str, ...]] = []

    def systemd_run(_files: object, call: Call) -> Said:
        asked.append(call.argv)
        return Said()

    world.machine.commands.programs["systemd-run"] = systemd_run
    steady(world)
    world.stop_supervisor()
    world.live(10.0)
    guard, *ending, last = world.machine.files.read(FAREWELL, at_most=65536).decode().splitlines()
    assert guard == '[ "$(systemctl is-system-running)" = stopping ] || exit 0'
    assert ending
    assert last == "exit 0"
    assert [f"--unit={UNIT}" in argv for argv in asked] == [True]
    world.start_again()
    world.live(5.0)
    assert world.machine.files.info(FAREWELL) is None
    assert visited(world) == [State.STEADY]


def test_without_systemd_the_service_is_stopped_all_the_same(world: World) -> None:
    steady(world)
    world.stop_supervisor()
    world.live(10.0)
    assert shown(world)["stage"] == "stopped"
    assert world.log.of("guest.end_not_arranged")
    assert not world.log.of("appliance.defect")
