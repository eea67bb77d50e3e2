"""Versions of handlers and agents: dotted integers, compared by number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Self

_SYNTAX = re.compile(r"(\d{1,9}(?:\.\d{1,9}){0,7})(?:[.\-]?(alpha|beta|rc)\.?(\d{0,9}))?\Z", re.ASCII)
_RELEASE = ("release", 0)


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version such as ``1.0.0.7``; text keeps its spelling, ``1.0`` equals ``1.0.0``.

    Source: extensions.md §1.4 (any number of components, pre-release ``alpha``/``beta``/``rc``, zero padding).
    """

    text: str
    components: tuple[int, ...]
    prerelease: tuple[str, int] = _RELEASE

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a dotted version. Raises: ValueError, with a sentence for people."""
        match = _SYNTAX.match(text)
        if match is None:
            raise ValueError(f"{text[:64]!r} is not a dotted version such as 1.0.7")
        numbers, kind, count = match.groups()
        prerelease = (kind, int(count or 0)) if kind else _RELEASE
        return cls(text, tuple(int(part) for part in numbers.split(".")), prerelease)

    def matches(self, requested: Version) -> bool:
        """Whether this version serves a request: all its numbers must lead mine (``2.1`` accepts ``2.1.19``)."""
        return self.components[: len(requested.components)] == requested.components

    @property
    def _key(self) -> tuple[tuple[int, ...], tuple[str, int]]:
        components = self.components
        while len(components) > 1 and components[-1] == 0:
            components = components[:-1]
        return components, self.prerelease

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text
