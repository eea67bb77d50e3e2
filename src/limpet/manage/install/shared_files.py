"""The manual page and the shells' completions, where each is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.manage.reference.commands_tree import commands_of
from limpet.manage.reference.completion import bash, fish, zsh
from limpet.manage.reference.man_page import man_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.manage.reference.commands_tree import Verb

_SHARE = "usr/local/share"


def shared_files(verbs: Mapping[str, Verb]) -> Mapping[str, bytes]:
    """By path below the root."""
    commands = commands_of(verbs)
    texts = {
        "man/man1/limpet.1": man_page(commands),
        "bash-completion/completions/limpet": bash(commands),
        "zsh/site-functions/_limpet": zsh(commands),
        "fish/vendor_completions.d/limpet.fish": fish(commands),
    }
    return {f"{_SHARE}/{path}": text.encode() for path, text in texts.items()}
