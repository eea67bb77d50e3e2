"""`limpet settings`: what is configured here, where each value came from, and what waagent.conf has no say in."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.config.load import load_config
from limpet.config.options import add_options
from limpet.config.settings import SETTINGS, shown
from limpet.config.waagent import NOT_USED
from limpet.host.files import RealFiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from limpet.config.settings import Config

EPILOG = """\
example:
  limpet settings --set goal_state.period=3

exit codes: 0 shown, 2 wrong usage or configuration
"""


def main(arguments: Sequence[str]) -> int:
    """Print what was asked for. Raises: ConfigurationError."""
    parser = argparse.ArgumentParser(
        prog="limpet settings",
        description="Show the settings in effect, each with where its value came from.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="for programs")
    output.add_argument("--page", action="store_true", help="the reference page of all settings, in Markdown")
    options = parser.parse_args(arguments)
    if options.page:
        sys.stdout.write(page())
        return 0
    config = load_config(RealFiles(), path=options.config, options=options.set)
    sys.stdout.write(as_json(config) if options.json else as_text(config))
    return 0


def as_text(config: Config) -> str:
    """A table for people."""
    rows = [
        (name, shown(getattr(config, row.attribute)), config.origin(name)) for name, row in SETTINGS.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}" for name, value, origin in rows]
    for title, texts in (("wrong in waagent.conf:", config.notes), ("without effect here:", config.unused)):
        if texts:
            lines += ["", title, *(f"  {text}" for text in texts)]
    return "\n".join(lines) + "\n"


def as_json(config: Config) -> str:
    """The same for programs."""
    document = {
        "settings": {
            name: {"value": _plain(getattr(config, row.attribute)), "origin": config.origin(name)}
            for name, row in SETTINGS.items()
        },
        "notes": config.notes,
        "unused": config.unused,
    }
    return json.dumps(document, indent=2) + "\n"


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def page() -> str:
    """The reference page, docs/settings.md."""
    own = [
        (f"`{name}`", row.kind.describe, f"`{shown(row.default)}`", f"`{row.waagent}`" if row.waagent else "", row.help)
        for name, row in SETTINGS.items()
    ]  # fmt: skip
    keys: dict[str, list[str]] = {}
    for key, reason in NOT_USED.items():
        keys.setdefault(reason, []).append(f"`{key}`")
    others = [(reason, ", ".join(names)) for reason, names in keys.items()]
    return "\n".join(
        [
            "# Settings",
            "",
            "Made by `limpet settings --page`; a test keeps it up to date. `limpet settings` shows the values in effect.",
            "",
            "They are read from `/etc/limpet.toml` (or `--config FILE`), from `/etc/waagent.conf` where it exists, and from",
            "`--set NAME=VALUE`. An option wins over limpet.toml, that over waagent.conf, that over the default.",
            "A setting `a.b` is the key `b` of the TOML table `[a]`.",
            "",
            *_table(("setting", "value", "default", "key in waagent.conf", "what it is for"), own),
            "",
            "## Keys of waagent.conf that have no effect",
            "",
            *_table(("why", "keys"), others),
            "",
        ]
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
