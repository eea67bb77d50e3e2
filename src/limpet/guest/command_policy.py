"""Which lines of the network OS's command language the guest shell may have done. Nothing is allowed that is not named."""

from __future__ import annotations

from dataclasses import dataclass

ANY = "*"
"""In a pattern: any one word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandPolicy:
    """allow: patterns; a line must begin with the words of one, in any case of letters. deny: texts that no line may have in it.

    Whole words count: a network OS takes ``sh`` for ``show`` and ``shutdown``, and here it is neither.
    """

    allow: tuple[str, ...] = ("show",)
    deny: tuple[str, ...] = ("|", ">", ";")

    def refusal(self, line: str) -> str | None:
        """Why a line is refused; None when it is allowed."""
        folded = line.casefold()
        for text in self.deny:
            if text and text.casefold() in folded:
                return f"lines with {text!r} are denied here (setting commands.deny)"
        patterns = [pattern.casefold().split() for pattern in self.allow]
        # Some network operating systems take several commands in a line: each must be allowed.
        parts = [part.split() for part in folded.split(";")]
        if all(any(_begins(words, pattern) for pattern in patterns) for words in parts):
            return None
        return "this line is not among those that are allowed here (setting commands.allow)"


def _begins(words: list[str], pattern: list[str]) -> bool:
    """A pattern without words allows nothing."""
    return (
        bool(pattern)
        and len(words) >= len(pattern)
        and all(wanted in {ANY, word} for word, wanted in zip(words, pattern, strict=False))
    )
