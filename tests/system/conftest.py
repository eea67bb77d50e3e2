"""Rooms for system tests. They need root and namespaces; where these lack, they are skipped and say what to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.system.layers import LAYERS

from limpet.lab import recipes, requirements, rootfs
from limpet.lab.appliance.room import Parts, prepared
from limpet.lab.room import Room, room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def say(text: str) -> None:
    """Progress, past pytest's capture."""
    print(f"lab: {text}", file=sys.__stderr__)


@pytest.fixture(scope="session")
def image_tree() -> Path:
    """The root file system of a VM as it comes from an image."""
    requirements.require()
    return rootfs.root_file_system(recipes.PROVISIONED_VM, rootfs.default_cache(), say)


@pytest.fixture(scope="session")
def root_file_system() -> Path:
    """A Debian VM's root file system with waagent in it; read-only."""
    requirements.require()
    return rootfs.root_file_system(recipes.VM, rootfs.default_cache(), say)


@pytest.fixture(scope="session", autouse=True)
def kept_layers() -> Iterator[None]:
    """Those that tests have made are there until the last one has ended."""
    yield
    LAYERS.close()


@pytest.fixture(scope="session")
def layers(root_file_system: Path) -> list[Path]:
    """The same with limpet installed."""
    return LAYERS.over(root_file_system)


@pytest.fixture
def empty_room() -> Iterator[Room]:
    """A fabric without emulator and VMs."""
    with room() as made:
        yield made


@pytest.fixture(scope="session")
def appliance_parts() -> Iterator[Parts]:
    """What appliances are made of, with limpet on the host and in the guest shell's image."""
    with prepared(say) as made:
        yield made
