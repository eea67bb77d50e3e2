"""The reference page of all settings, docs/settings.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.config.settings import SETTINGS, shown
from limpet.config.waagent import NOT_USED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BAR = r"\|"
"""A bar within a cell of a table."""
_INTRODUCTION = """\
# Settings

Made by `limpet config show --page`; a test keeps it up to date. `limpet config show` shows the values in effect, and
`limpet config check FILE` what is wrong in a file.

They are read from `/etc/limpet.toml` (or `--config FILE`), from `/etc/waagent.conf` where it exists, and from
`--set NAME=VALUE`. An option wins over limpet.toml, that over waagent.conf, that over the default.
A setting `a.b` is the key `b` of the TOML table `[a]`.
"""
_WAAGENT = """\
## The keys of waagent.conf

Every key that an agent, a template or a document of the field knows, and what becomes of it here. The file is read as its own
agent reads it: the last of several lines counts, a value ends at `#`, quotes around it are dropped, `None` is unset, and keys are
case-sensitive. What cannot be used is noted in the log and the default holds, except that another word for `Provisioning.Agent` means
`disabled`, as it does there; `-show-configuration` is `limpet config show --waagent`.
"""


def page() -> str:
    """The whole page, in Markdown."""
    own = [
        (f"`{name}`", row.kind.describe, f"`{shown(row.default)}`", f"`{row.waagent}`" if row.waagent else "", row.help)
        for name, row in SETTINGS.items()
    ]  # fmt: skip
    keys = {row.waagent: f"`{row.name}`" for row in SETTINGS.values() if row.waagent is not None}
    keys |= {key: f"no effect: {reason}" for key, reason in NOT_USED.items()}
    theirs = [(f"`{key}`", keys[key]) for key in sorted(keys, key=str.lower)]
    return "\n".join(
        [
            _INTRODUCTION,
            *_table(("setting", "value", "default", "key in waagent.conf", "what it is for"), own),
            "",
            _WAAGENT,
            *_table(("key", "here"), theirs),
            "",
        ]
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |"
        for row in (head, ["---"] * len(head), *rows)
    ]
