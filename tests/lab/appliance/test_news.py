"""The fabric is told what an appliance says of itself, whatever the machine puts there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator.processes import Process, emulator
from tests.emulator.scenes import document

from limpet.lab import roots
from limpet.lab.appliance.news import LARGEST, SHOWN, told_to_the_fabric
from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Folder:
    """A machine that is nothing but a folder."""

    root: Path
    name: str = "vm1"
    running: bool = True
    looks: int = 0

    def path(self, path: str) -> Path:
        self.looks += 1
        return roots.within(self.root, path)

    def show(self, content: bytes) -> None:
        new = self.path(SHOWN + ".new")
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(content)
        new.replace(self.path(SHOWN))


@pytest.fixture
def machine(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "root")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with emulator(tmp_path, "--vm", "vm1=127.0.0.1") as found:
        yield found


def known(process: Process) -> dict[str, Any] | None:
    with process.client() as api:
        told = api.vm("vm1")["appliance"]
    return None if told is None else told["document"]


def arrives(process: Process, wanted: dict[str, Any]) -> None:
    wait_for(lambda: known(process) == wanted, f"{wanted}", timeout=60)


def test_every_new_document_is_put(machine: Folder, process: Process) -> None:
    with told_to_the_fabric(machine, Path(process.admin.removeprefix("unix:"))):
        for stage in ("preparing", "handing-over", "steady"):
            machine.show(json.dumps(document(stage)).encode())
            arrives(process, document(stage))


def test_a_machine_that_is_off_is_shown_as_stopped(machine: Folder, process: Process) -> None:
    machine.show(json.dumps(document("steady")).encode())
    with told_to_the_fabric(machine, Path(process.admin.removeprefix("unix:"))):
        arrives(process, document("steady"))
        machine.running = False
        arrives(process, {**document("steady"), "stage": "stopped", "words": "the VM is off"})
        machine.running = True
        arrives(process, document("steady"))


def link(machine: Folder) -> None:
    outside = machine.root / "outside"
    outside.write_text(json.dumps(document("degraded")))
    machine.path(SHOWN).symlink_to(outside)


def pipe(machine: Folder) -> None:
    os.mkfifo(machine.path(SHOWN))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda machine: None,
        lambda machine: machine.show(b'{"version": 1, "stage": "ste'),
        lambda machine: machine.show(b"[]"),
        lambda machine: machine.show(b'{"version": 1, "stage": "flying"}'),
        lambda machine: machine.show(b'{"version": 1, "words": "' + b"x" * LARGEST + b'"}'),
        link,
        pipe,
    ],
    ids=["nothing", "cut", "no object", "unknown stage", "too large", "link", "pipe"],
)
def test_what_is_no_document_is_left_out_and_the_next_one_is_put(
    machine: Folder, process: Process, spoil: Any
) -> None:
    machine.path(SHOWN).parent.mkdir(parents=True)
    spoil(machine)
    with told_to_the_fabric(machine, Path(process.admin.removeprefix("unix:"))):
        before = machine.looks
        wait_for(lambda: machine.looks > before + 2, "a few looks", timeout=60)
        assert known(process) is None
        machine.path(SHOWN).unlink(missing_ok=True)
        machine.show(json.dumps(document("steady")).encode())
        arrives(process, document("steady"))
    with process.client() as api:
        assert api.vm("vm1")["appliance"]["document"] == document("steady")
