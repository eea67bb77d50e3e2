"""Provisioning discs for lab machines, written by the emulator's own command."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from limpet.lab.commands import run
from limpet.lab.provisioning.hardware import loop_device

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIME_TO_WRITE = 120.0


def write_disc(image: Path, *options: str, password: str | None = None) -> Path:
    """Write a disc's image as ``limpet emulator media`` does and give it. password: goes by standard input.

    Raises: LabError, with what the command said.
    """
    command = [sys.executable, "-m", "limpet", "emulator", "media", str(image), *options]
    if password is not None:
        command += ["--password-file", "-"]
    run(command, timeout=TIME_TO_WRITE, stdin=password or "").checked()
    return image


@contextmanager
def disc(image: Path, *options: str, password: str | None = None) -> Iterator[Path]:
    """The block device with a new disc in it, until the end. Raises: LabError."""
    with loop_device(write_disc(image, *options, password=password)) as device:
        yield device
