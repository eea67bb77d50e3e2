"""A page of the docs as something that can be followed: the files that it has one write, and the commands that it has one run.

A block ``sh file=/path`` is that file; with ``#!`` in front it is executable once `chmod` is run. In a block ``console`` the lines
that begin with ``# `` are run as root, and the others are what is seen then; ``…`` stands for any lines, and within a line for
any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY = "…"


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A file."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """A command, and the lines that are seen."""

    command: str
    seen: tuple[str, ...]


def steps(page: str) -> list[Written | Typed]:
    """What a reader does, in order."""
    found: list[Written | Typed] = []
    for block in _BLOCK.finditer(page):
        language, _, rest = block["info"].partition(" ")
        if rest.startswith("file="):
            found.append(Written(path=rest.removeprefix("file="), text=block["text"]))
        elif language == "console":
            found += _typed(block["text"].splitlines())
    return found


def _typed(lines: list[str]) -> list[Typed]:
    found: list[Typed] = []
    for line in lines:
        if line.startswith("# "):
            found.append(Typed(command=line.removeprefix("# "), seen=()))
        else:
            found[-1] = Typed(command=found[-1].command, seen=(*found[-1].seen, line))
    return found


def as_seen(expected: tuple[str, ...], output: str) -> bool:
    """Whether an output is what the page shows; a page that shows nothing expects nothing."""
    pattern = "".join(r"(?:.*\n)*?" if line == _ANY else f"{_line(line)}\n" for line in expected)
    text = output if output.endswith("\n") or not output else f"{output}\n"
    return re.fullmatch(pattern, text) is not None


def _line(line: str) -> str:
    return ".*".join(map(re.escape, line.split(_ANY)))
