"""Reads cases and makes their machines."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.plans import disks

from limpet.host.fake import FakeMachine
from limpet.host.fake_files import Node
from limpet.host.fake_programs import install

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from limpet.guest.steps import Task

FOLDER = Path(__file__).parent
KEYS = {"title", "steps", "again", "left", "gone", "wanted", "files", "broken", "kernel", "disks", "base"}
BASES = FOLDER / "machines" / "trees"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    duty: ModuleType
    document: dict[str, Any]

    def machine(self) -> FakeMachine:
        machine = FakeMachine()
        for name, value in self.document.get("files", {}).items():
            put(machine, Path(name), value)
        for name, value in self.document.get("disks", {}).items():
            disks.plug(machine.files, Path(name), value)
        for name, reason in self.document.get("broken", {}).items():
            machine.files.broken[Path(name)] = reason
        kernel = self.document.get("kernel", {})
        machine.kernel.kernel_release = kernel.get("release", machine.kernel.kernel_release)
        machine.kernel.name = kernel.get("name", machine.kernel.name)
        machine.kernel.processor = kernel.get("architecture", machine.kernel.processor)
        install(machine.commands, *self.duty.AREAS)
        return machine

    def plan(self, machine: FakeMachine) -> list[Task]:
        tasks: list[Task] = self.duty.plan(machine, self.document.get("wanted", {}))
        return tasks


def put(machine: FakeMachine, path: Path, value: str | dict[str, Any]) -> None:
    if isinstance(value, str):
        value = {"content": value}
    machine.files.make_folder(path.parent)
    if value.get("folder"):
        folder_owner = tuple(value.get("owner", (0, 0)))
        machine.files.make_folder(path, mode=value.get("mode", 0o755), owner=folder_owner)
    elif value.get("block"):
        machine.files.block_device(path)
    elif "link" in value:
        machine.files.link(path, Path(value["link"]))
    else:
        content = bytes.fromhex(value["hex"]) if "hex" in value else value.get("content", "").encode()
        owner = value.get("owner", [0, 0])
        machine.files.replace(path, content, mode=value.get("mode", 0o644), owner=(owner[0], owner[1]))


def read(path: Path) -> Case:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(document) <= KEYS, f"{path}: unknown keys {set(document) - KEYS}"
    if "base" in document:
        base = tomllib.loads((BASES / f"{document['base']}.toml").read_text(encoding="utf-8"))
        document["files"] = base["files"] | document.get("files", {})
    return Case(duty=import_module(f"tests.plans.duty_{path.parent.name}"), document=document)


def lines(tasks: Sequence[Task]) -> list[str]:
    found = []
    for task in tasks:
        if task.problem is not None:
            found.append(f"{task.name}! {task.problem}")
        found += [f"{task.name}: {step.describe()}" for step in task.steps]
    return found


def picture(machine: FakeMachine) -> dict[str, object]:
    """What is on the machine, without times."""
    shown: dict[str, object] = {
        str(path): Node(
            content=node.content, target=node.target, mode=node.mode, owner=node.owner, block=node.block
        )
        for path, node in machine.files.nodes.items()
    }
    shown |= {f"what is on {path}": dict(disk.chunks) for path, disk in machine.files.disks.items()}
    return shown | {"host name": machine.kernel.name}
