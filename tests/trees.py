"""Builds the root file systems that system tests need, one after the other: run beside the unit tests, as `tests.trees`.

A test that needs one that is being built waits for it; one that cannot be built is told by the tests that need it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import recipes, rootfs
from limpet.lab.commands import LabError
from limpet.lab.vm import kernel
from limpet.lab.vm import recipes as vm_recipes

if TYPE_CHECKING:
    from collections.abc import Iterator

TREES = (
    recipes.VM,
    recipes.APPLIANCE,
    recipes.GUEST_SHELL,
    recipes.PROVISIONED_VM,
    vm_recipes.LIMPET.recipe,
    recipes.CLOUD_INIT_VM,
    recipes.NEXT_VM,
    recipes.WAAGENT_APPLIANCE,
    recipes.WAAGENT_GUEST_SHELL,
)
GENTLE = 10


@contextmanager
def being_built() -> Iterator[None]:
    """Another process builds them, until the end at most."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.trees"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def silent(_text: str) -> None:
    """Nobody asked."""


def end(*_: object) -> None:
    """So that what is being run ends with this process."""
    raise SystemExit(1)


def main() -> None:
    """Those that are not in the cache."""
    signal.signal(signal.SIGTERM, end)
    os.nice(GENTLE)
    cache = rootfs.default_cache()
    for tree in TREES:
        with suppress(LabError):
            rootfs.root_file_system(tree, cache, silent)
    with suppress(LabError):
        kernel.kernel(cache, silent)


if __name__ == "__main__":
    main()
