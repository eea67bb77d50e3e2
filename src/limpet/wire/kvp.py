"""Pools of key-value pairs between a guest and its hypervisor: records of fixed size. Source: guest-setup.md §D.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_SIZE, VALUE_SIZE = 512, 2048
RECORD_SIZE = KEY_SIZE + VALUE_SIZE
LONGEST_KEY, LONGEST_VALUE = 254, 1022
"""What arrives on the other side, bytes of UTF-8: the kernel's limits are in UTF-16 units, of which there are never more."""
MOST_RECORDS = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One record."""

    key: str
    value: str


def render_pairs(key: str, value: str) -> bytes:
    """The records of one pair; a value that is too long goes in parts, in order, under the same key.

    NULs, which would end the text, are replaced. Raises: ValueError, for a key that is empty or too long.
    """
    name = _text(key)
    if not 0 < len(name) <= LONGEST_KEY:
        raise ValueError(f"a key of {len(name)} bytes; 1 to {LONGEST_KEY} arrive")
    return b"".join(
        name.ljust(KEY_SIZE, b"\0") + part.ljust(VALUE_SIZE, b"\0") for part in _parts(_text(value))
    )


def _text(text: str) -> bytes:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")


def _parts(value: bytes) -> Iterator[bytes]:
    """Pieces that fit, none of which begins inside a character."""
    start = 0
    while True:
        end = min(start + LONGEST_VALUE, len(value))
        while end < len(value) and value[end] & 0xC0 == 0x80:
            end -= 1
        yield value[start:end]
        start = end
        if start >= len(value):
            return


def parse_pool(content: bytes) -> tuple[Pair, ...]:
    """The records of a pool; what is cut at its end is left out, and text that is not UTF-8 is read as far as it is."""
    whole = min(len(content) // RECORD_SIZE, MOST_RECORDS)
    return tuple(
        Pair(
            key=_before_nul(content[start : start + KEY_SIZE]),
            value=_before_nul(content[start + KEY_SIZE : start + RECORD_SIZE]),
        )
        for start in range(0, whole * RECORD_SIZE, RECORD_SIZE)
    )


def _before_nul(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def value_of(pairs: tuple[Pair, ...], key: str) -> str | None:
    """The value of a key, its parts joined; None where there is none."""
    parts = [pair.value for pair in pairs if pair.key == key]
    return "".join(parts) if parts else None
