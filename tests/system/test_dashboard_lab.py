"""The dashboard of a lab's fabric: seen from this machine, though the emulator is in a network without a way out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.emulator.scenes import document

from limpet.lab.fabric import fabric

if TYPE_CHECKING:
    from limpet.lab.room import Room

pytestmark = pytest.mark.system


def test_the_page_is_on_this_machines_loopback_and_not_in_the_fabric(empty_room: Room) -> None:
    made = empty_room.emulator(page_port=0)
    assert made.page is not None
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/", made.page)
    assert "<title>limpet emulator</title>" in httpx.get(made.page, trust_env=False, timeout=120).text
    port = made.page.rsplit(":", 1)[1].strip("/")
    listening = empty_room.fabric.run(["ss", "-Hltn", f"sport = :{port}"])
    assert listening.checked().strip() == ""


def test_what_an_appliance_says_of_itself_is_told_through_the_labs_client(empty_room: Room) -> None:
    made = empty_room.emulator(page_port=0)
    with fabric(made.admin) as world:
        world.add_vm("vm1", "10.0.0.4")
        world.tell_appliance("vm1", document("steady"))
        assert world.vm("vm1")["appliance"]["document"]["stage"] == "steady"


def test_without_a_port_there_is_no_page(empty_room: Room) -> None:
    assert empty_room.emulator().page is None
