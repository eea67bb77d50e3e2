"""Text that others wrote, made harmless for a terminal and a line of a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` on one line: a blank for every character that a terminal would obey instead of show."""
    return "".join(each if each.isprintable() else " " for each in text)
