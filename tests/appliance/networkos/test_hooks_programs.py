"""The programs of a vendor as files: whose they are, who may change them, and which of them are run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.test_hooks import do, health, started
from tests.appliance.networkos.vendor import FOLDER, LEASE, PRIMARY, SECOND, SITE, Vendor, links, seen

from limpet.appliance.networkos.contract import Health
from limpet.appliance.networkos.drivers import network_os
from limpet.appliance.networkos.hooks import driver as hooks
from limpet.appliance.networkos.hooks.verbs import Verb
from limpet.config.settings import Config
from limpet.guest.namespaces import Seen
from limpet.guest.steps import Run
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.mark.parametrize(
    ("mode", "owner", "problem"),
    [
        (0o755, (1000, 0), "belongs to user 1000"),
        (0o775, (0, 0), "can be written by others"),
        (0o757, (0, 0), "can be written by others"),
        (0o644, (0, 0), "is not executable"),
    ],
)
def test_a_program_that_others_can_change_is_never_run(
    vendor: Vendor, mode: int, owner: tuple[int, int], problem: str
) -> None:
    started(vendor)
    vendor.heard.clear()
    vendor.has("release", mode=mode, owner=owner)
    assert problem in (do(vendor, vendor.driver.start(SITE, seen()))[1].problem or "")
    with pytest.raises(HostError, match=problem):
        vendor.driver.release(PRIMARY, SITE, seen())
    assert health(vendor, deep=True).health is Health.WOUNDED
    assert vendor.heard == []


@pytest.mark.parametrize("verb", ["claim", "dress", "protect", "release", "command"])
def test_a_program_that_others_can_change_by_now_is_not_run_either(vendor: Vendor, verb: str) -> None:
    files = vendor.machine.files
    config = Config(network_os="hooks", programs=FOLDER)
    driver = network_os(config, files)
    plans: dict[str, Callable[[], object]] = {
        "claim": lambda: driver.claim(SECOND, SITE, seen(SECOND, PRIMARY)),
        "dress": lambda: driver.dress(PRIMARY, LEASE, SITE, seen()),
        "protect": lambda: driver.protect(SITE),
        "release": lambda: driver.release(SECOND, SITE, seen()),
        "command": lambda: driver.command("show version"),
    }
    plans[verb]()
    files.replace(FOLDER / verb, b"#!/bin/sh\n", mode=0o777)
    with pytest.raises(HostError, match=f"{verb} can be written by others than root"):
        plans[verb]()
    (task,) = [each for each in driver.start(SITE, seen()) if each.name == hooks.START_TASK]
    assert task.problem is not None
    assert not task.steps


def test_a_nic_is_taken_back_by_the_kernel_where_the_program_for_that_must_not_be_run(vendor: Vendor) -> None:
    """Else the machine would be cut off until somebody has looked after the programs."""
    there = Seen(namespaces={**seen().namespaces, SITE.network_os: links(PRIMARY)})

    def planned() -> list[Run]:
        return [step for step in vendor.driver.release(PRIMARY, SITE, there) if isinstance(step, Run)]

    assert [step.argv for step in planned()] == [(str(FOLDER / "release"), "release")]
    vendor.has("release", mode=0o777)
    away, up = planned()
    assert away.argv[:3] == ("ip", "-netns", SITE.network_os)
    assert f"link set dev {PRIMARY.name} netns 1 name {PRIMARY.name}\n" in str(away.stdin, "ascii")  # type: ignore[arg-type]
    assert up.stdin == f"link set dev {PRIMARY.name} up\n".encode()


def test_a_folder_that_others_can_change_is_not_used(vendor: Vendor) -> None:
    vendor.machine.files.remove(FOLDER.parent)
    vendor.machine.files.make_folder(FOLDER.parent, mode=0o777)
    vendor.machine.files.make_folder(FOLDER)
    vendor.has(*[verb.value for verb in Verb])
    assert (
        vendor.driver.problem
        == "/opt/acme can be written by others than root, so its content cannot be trusted"
    )


def test_one_program_may_stand_for_several_by_links_within_the_folder(vendor: Vendor) -> None:
    vendor.has("acme", "python3")
    vendor.lacks("claim", "dress")
    vendor.machine.files.link(FOLDER / "claim", Path("acme"))
    vendor.machine.files.link(FOLDER / "dress", Path("/usr/bin/python3"))
    found = vendor.driver.programs
    assert "claim" in found.found
    assert found.problems == {"dress": "/opt/acme/hooks/dress is a link out of its folder"}
    assert found.strangers == ("python3",)
