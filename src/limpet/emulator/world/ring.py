"""A bounded record of the latest things: a value that forgets its oldest item when it is full."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ring(Generic[T]):
    """The last `capacity` items, oldest first. dropped: how many were forgotten."""

    capacity: int
    items: tuple[T, ...] = ()
    dropped: int = 0

    def append(self, *items: T) -> Ring[T]:
        """Add `items` in order."""
        whole = (*self.items, *items)
        surplus = max(0, len(whole) - self.capacity)
        return replace(self, items=whole[surplus:], dropped=self.dropped + surplus)

    @property
    def latest(self) -> T | None:
        """The newest item, if there is one."""
        return self.items[-1] if self.items else None

    @property
    def seen(self) -> int:
        """How many items were ever added."""
        return self.dropped + len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
