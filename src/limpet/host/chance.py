"""Real chance: the Random port over the kernel's generator. The modules random and uuid stay out of memory."""

from __future__ import annotations

import os

_FRACTION_BITS = 53


class RealRandom:
    """The kernel's random numbers: the Random port."""

    def fraction(self) -> float:
        """Uniform on [0, 1)."""
        return (int.from_bytes(os.urandom(8)) >> (64 - _FRACTION_BITS)) / (1 << _FRACTION_BITS)

    def octets(self, count: int) -> bytes:
        """So many bytes that nobody can guess."""
        return os.urandom(count)

    def guid(self) -> str:
        """A new random GUID (RFC 9562 version 4), lower case with dashes."""
        value = int.from_bytes(os.urandom(16))
        value = value & ~(0xF << 76) | 4 << 76
        value = value & ~(0x3 << 62) | 2 << 62
        digits = f"{value:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
