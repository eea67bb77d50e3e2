"""Where in a TOML file a value stands, so that a message can point at its line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?\Z")
_KEY = re.compile(r"\s*([\w\"'-]+(?:\s*\.\s*[\w\"'-]+)*)\s*=")
_STEP = re.compile(r"(?:\.[^.\[\]]+|\[\d+\])\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """Line numbers by place, such as ``vms[0].changes[1].handler``.

    Good enough to point at: tomllib decides what the file says. What stands inside an inline table or an array is found
    by the line where that begins.
    """

    numbers: Mapping[str, int]

    @classmethod
    def read(cls, text: str) -> Lines:
        """Note the first line of every table and key."""
        numbers: dict[str, int] = {}
        counts: dict[str, int] = {}
        table = ""
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                table = _place(_parts(header[2]), counts, grows=header[1] == "[[")
                numbers.setdefault(table, number)
            elif key := _KEY.match(line):
                place = ".".join([table, *_parts(key[1])] if table else _parts(key[1]))
                numbers.setdefault(place, number)
        return cls(numbers=numbers)

    def of(self, place: str) -> int | None:
        """The line of `place`, or of the nearest thing around it that is known."""
        while place:
            if place in self.numbers:
                return self.numbers[place]
            place = _STEP.sub("", place) if _STEP.search(place) else ""
        return None


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _place(parts: list[str], counts: dict[str, int], *, grows: bool) -> str:
    """The place of a table header: each array of tables on the way by the number of its latest table."""
    place = ""
    for number, part in enumerate(parts, 1):
        place = f"{place}.{part}" if place else part
        if grows and number == len(parts):
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = f"{place}[{counts[place]}]"
    return place
