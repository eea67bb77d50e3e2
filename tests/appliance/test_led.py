"""An image whose agent the supervisor cannot lead is recognised before anything is handed over (R14)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.appliance.guest.shells import machine
from tests.appliance.simulation import operators
from tests.appliance.simulation.guest_shell import GOOD
from tests.appliance.simulation.looking import appliance, flows, steady
from tests.appliance.simulation.world import CONFIG, PRIMARY, World

from limpet.appliance.guest import images
from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.slots import Image, parse_image, render_image
from limpet.appliance.states import State
from limpet.guest.appliance_profile import EXCHANGE, LAUNCHER, PROFILE
from limpet.guest.namespaces import HOST

if TYPE_CHECKING:
    from limpet.host.fake import FakeMachine
    from limpet.host.fake_commands import Call, Said
    from limpet.host.fake_files import FakeFiles

TREE = Path("/images/tree")


@pytest.fixture
def made() -> FakeMachine:
    return machine()


def put(made: FakeMachine, path: Path, content: bytes) -> None:
    made.files.make_folder(path.parent)
    made.files.replace(path, content)


def test_an_image_with_this_limpet_can_be_led(made: FakeMachine) -> None:
    put(made, TREE / LAUNCHER, b"")
    assert images.unled(made.files, TREE) is None  # of before there were profiles: it is tried
    put(made, TREE / PROFILE, b"exchange %d\n" % EXCHANGE)
    assert images.unled(made.files, TREE) is None


def test_one_with_another_agent_or_with_a_limpet_of_another_time_cannot(made: FakeMachine) -> None:
    assert images.unled(made.files, TREE) is None  # nothing is known of it
    put(made, TREE / "usr/bin/waagent", b"")
    assert "guest_shell.agent" in (images.unled(made.files, TREE) or "")
    put(made, TREE / LAUNCHER, b"")
    put(made, TREE / PROFILE, b"exchange %d\n" % (EXCHANGE + 1))
    assert "newer" in (images.unled(made.files, TREE) or "")


@pytest.mark.parametrize("exchange", [None, EXCHANGE, 7])
def test_an_images_record_says_by_which_documents_its_agent_is_led(exchange: int | None) -> None:
    image = Image(path=Path("/x/root.squashfs"), digest="ab" * 32, size=7, exchange=exchange)
    assert parse_image(render_image(image)) == image


LOWER = STORE / "volume/guest-shell/image"
"""The simulated image as a tree, where the supervisor looks at it."""


def test_an_appliance_with_another_agent_than_it_is_told_keeps_its_nics_in_linux_and_says_so(
    world: World,
) -> None:
    world.live(1.0)
    world.put(LOWER / "usr/bin/waagent", b"")
    world.reach(State.RESCUE)
    assert "there is no limpet in the image" in (appliance(world).problem or "")
    assert world.networks.where(PRIMARY)[0] == HOST  # type: ignore[index]
    world.put(LOWER / LAUNCHER, b"")
    flows(world, within=120.0)


def test_another_agent_is_right_where_the_settings_say_so() -> None:
    world = World(config=replace(CONFIG, guest_agent="other"))
    world.live(1.0)
    world.put(LOWER / "usr/bin/waagent", b"")
    world.reach(State.STEADY)
    assert State.RESCUE not in [state for _, state in world.states]
    world.close()


def test_an_upgrade_that_cannot_be_led_is_taken_out_of_use_at_once_and_the_image_before_it_goes_on(
    world: World,
) -> None:
    steady(world)
    files, containers = world.machine.files, world.containers

    def mounted(_files: FakeFiles, call: Call) -> Said:
        said = containers(_files, call)
        if call.argv[1] == "mount":
            new = "/images/" in call.argv[2]
            world.put(LOWER / PROFILE, b"exchange %d\n" % (EXCHANGE + 1 if new else EXCHANGE))
        return said

    world.put(LOWER / LAUNCHER, b"")
    world.machine.commands.programs["shell"] = mounted
    operators.upgrade(world, GOOD)
    world.live(30.0)
    flows(world)
    assert "newer" in " ".join(images.read_slots(files).bad.values())
