"""How every verb's ``--help`` is set: prose flows to the width of the terminal, examples stay as they are written."""

from __future__ import annotations

import argparse
import textwrap
from itertools import groupby


class Help(argparse.RawDescriptionHelpFormatter):
    """For argparse. Lines that begin with a blank are examples; what stands between them and empty lines is a paragraph."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "".join(f"{indent}{line}\n" for line in flowed(text, width - len(indent)).splitlines())


def flowed(text: str, width: int) -> str:
    """`text` with its paragraphs set anew, at most `width` characters a line."""
    parts: list[str] = []
    for prose, lines in groupby(text.splitlines(), lambda line: bool(line) and not line[0].isspace()):
        together = list(lines)
        if prose and any(len(line) > width for line in together):
            together = textwrap.wrap(
                " ".join(together), width, break_long_words=False, break_on_hyphens=False
            )
        parts += together
    return "\n".join(parts)
