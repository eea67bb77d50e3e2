"""A machine in memory for the commands that change one."""

from __future__ import annotations

from pathlib import Path

from limpet.host.fake import FakeMachine
from limpet.host.fake_programs import install


def machine_with(files: dict[str, bytes | str | None], *areas: str) -> FakeMachine:
    """files: by path; None is a folder."""
    machine = FakeMachine()
    install(machine.commands, *areas)
    for name, content in files.items():
        path = Path(name)
        machine.files.make_folder(path if content is None else path.parent)
        if content is not None:
            machine.files.replace(path, content.encode() if isinstance(content, str) else content)
    return machine


def text_of(machine: FakeMachine, path: str) -> str:
    return machine.files.read(Path(path), at_most=1 << 20).decode()


def exists(machine: FakeMachine, path: str) -> bool:
    return machine.files.info(Path(path)) is not None
