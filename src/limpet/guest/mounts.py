"""What is mounted, and what is swapped to, as the kernel tells it. Pure. Source: proc(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """One mounted file system. source: a device or a word. number: major and minor of its device, as ``8:17``."""

    point: str
    source: str
    filesystem: str
    number: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Swap:
    """One active swap. path: a file or a device. size: bytes that can be used."""

    path: str
    size: int


def read_mountinfo(text: str) -> tuple[Mount, ...]:
    """The lines of /proc/self/mountinfo; of two mounts on one point the later one is what is seen."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        own, rest = before.split(" "), after.split(" ")
        if len(own) >= 5 and len(rest) >= 2:
            found.append(
                Mount(point=_plain(own[4]), source=_plain(rest[1]), filesystem=rest[0], number=own[2])
            )
    return tuple(found)


def read_swaps(text: str) -> tuple[Swap, ...]:
    """The lines of /proc/swaps."""
    fields = [line.split() for line in text.splitlines()[1:]]
    return tuple(
        Swap(path=_plain(each[0]), size=int(each[2]) * 1024)
        for each in fields
        if len(each) >= 3 and each[2].isdecimal()
    )


def seen_at(mounts: tuple[Mount, ...], point: str) -> Mount | None:
    """What is mounted on a folder: the last that was mounted there."""
    return next((mount for mount in reversed(mounts) if mount.point == point), None)


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)
