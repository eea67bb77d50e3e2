"""Text from VMs as the page gets it: bounded, redacted, and without characters that reorder or hide what stands there. Pure."""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from typing import Any

from limpet.model.redact import redacted

LONGEST_TEXT = 600
LONGEST_NAME = 160
MOST_MEMBERS = 200
_LINE_ENDS = "\n\t"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what has no shape of its own: controls, bidi marks, surrogates, unassigned."""


def text(value: Any, at_most: int = LONGEST_TEXT) -> str | None:
    """`value` in at most so many characters; what cannot be seen is spelled out, as ``[U+202E]``."""
    if value is None:
        return None
    words = str(value)
    if len(words) <= at_most and words.isprintable():
        return redacted(words)
    # Cut before anything else is done: what comes may have megabytes.
    return _legible(words[: at_most * 2], at_most) + ("…" if len(words) > at_most else "")


@lru_cache(maxsize=4096)
def _legible(words: str, at_most: int) -> str:
    # The same texts are shown again and again, and one whose every character is spelled out takes its time.
    return "".join(
        f"[U+{ord(char):04X}]" if char not in _LINE_ENDS and unicodedata.category(char) in _HIDDEN else char
        for char in redacted(words)[:at_most]
    )


def name(value: Any) -> str | None:
    """A name: shorter than a text."""
    return text(value, LONGEST_NAME)


def plain(value: Any) -> Any:
    """JSON with every text in it as `text` has it, and every array and object of bounded length."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {str(key)[:LONGEST_NAME]: plain(item) for key, item in list(value.items())[:MOST_MEMBERS]}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value[:MOST_MEMBERS]]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
