"""Root's password is locked. Source: guest-setup.md §A.4.2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.steps import Task, Write
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

ROOT_PASSWORD = "root-password"  # noqa: S105 - a task's name
LINE = b"root:*LOCK*:14600::::::"
_ROOT = b"root:"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShadowFile:
    """The shadow file as it is. content is None where there is none."""

    path: Path
    content: bytes | None
    mode: int = 0o640
    owner: tuple[int, int] = (0, 0)


def plan_root_password(file: ShadowFile, *, wanted: bool) -> Task:
    """Put root's entry, locked, first; every other line stays byte for byte, the file keeps mode and owner.

    The file is written whole as it was read: in one plan with the account it has to come first, or the new user's line is lost.

    wanted: provisioning.delete_root_password. A machine without a shadow file, or with an empty one, has no password to lock.
    """
    task = Task(name=ROOT_PASSWORD, purpose="lock root's password")
    if not wanted or not file.content:
        return task
    lines = file.content.splitlines(keepends=True)
    others = [line for line in lines if not line.startswith(_ROOT)]
    content = LINE + b"\n" + b"".join(others)
    if content == file.content:
        return task
    step = Write(file.path, Secret(content), mode=file.mode, owner=file.owner)
    return Task(name=ROOT_PASSWORD, purpose="lock root's password", steps=(step,))
