"""A rack of real virtual machines. They need root, namespaces and QEMU; where these lack, they fail and say what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.lab.rootfs import default_cache
from limpet.lab.vm.rack import Rack, rack
from limpet.lab.vm.ssh import Key, make_key

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
LONGEST = 1200
"""Seconds for one test: a VM boots in 10 s where nothing else runs, and in minutes where much does."""


def say(text: str) -> None:
    """Progress, past pytest's capture."""
    print(f"lab: {text}", file=sys.__stderr__)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is marked, and may take its time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.vm)
            item.add_marker(pytest.mark.timeout(LONGEST))


@pytest.fixture(scope="session")
def lab() -> Iterator[Rack]:
    """A fabric for VMs; they are made and ended one by one."""
    with rack(default_cache(), say) as made:
        yield made


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """The key of the VMs' user."""
    return make_key(tmp_path_factory.mktemp("keys"))
