"""A pool of key-value pairs in memory: the KeyValues port for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.model.errors import HostError
from limpet.wire.kvp import MOST_RECORDS, RECORD_SIZE, Pair, parse_pool, render_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class FakeKeyValues:
    """pool: what is in it. listening: whether there is a hypervisor. broken: why nothing can be written."""

    pool: bytearray = field(default_factory=bytearray)
    listening: bool = True
    broken: str | None = None

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The records."""
        return parse_pool(bytes(self.pool))

    def tell(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Add pairs. Raises: HostError."""
        if not self.listening:
            return False
        if self.broken is not None:
            raise HostError(f"cannot write to the pool: {self.broken}")
        self.pool += b"".join(render_pairs(key, value) for key, value in pairs)
        del self.pool[MOST_RECORDS * RECORD_SIZE :]
        return True
