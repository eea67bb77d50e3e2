"""`limpet config`: what is configured here and where each value came from; or what is wrong in a file of settings."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.config.check import format_of, problems
from limpet.config.entry import unknown
from limpet.config.load import load_config
from limpet.config.options import add_options
from limpet.config.settings import SETTINGS, shown
from limpet.host.files import RealFiles
from limpet.manage.reference.settings_page import page
from limpet.model.errors import ConfigurationError
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.config.setting import Setting
    from limpet.config.settings import Config

EPILOG = """\
examples:
  limpet config show
  limpet config show extensions.enabled OS.EnableFirewall --json
  limpet config check /etc/limpet.toml

exit codes: 0 shown, or nothing is wrong; 1 the file that was checked has mistakes; 2 wrong usage or configuration
"""
SHOW_EPILOG = """\
examples:
  limpet config show --set goal_state.period=3
  limpet config show extensions.enabled OS.EnableFirewall --json

exit codes: 0 shown, 2 wrong usage or configuration
"""
CHECK_EPILOG = """\
examples:
  limpet config check /etc/limpet.toml
  limpet config check /etc/waagent.conf --json

exit codes: 0 nothing is wrong, 1 it has mistakes, 2 wrong usage, or no such file
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet config",
        description="Show the settings in effect, each with where its value came from; or check a file of settings.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    show = commands.add_parser(
        "show",
        help="the settings in effect",
        description="Show the settings in effect, each with where its value came from.",
        epilog=SHOW_EPILOG,
        formatter_class=Help,
    )
    show.add_argument(
        "names", nargs="*", metavar="NAME", help="only these: names of settings, or keys of waagent.conf"
    )
    output = show.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="for programs")
    output.add_argument(
        "--waagent", action="store_true", help="as waagent -show-configuration does: key = value, by key"
    )
    output.add_argument("--page", action="store_true", help="the reference page of all settings, in Markdown")
    add_options(show)
    show.set_defaults(run=show_settings)
    check = commands.add_parser(
        "check",
        help="what is wrong in a file",
        description="Say what is wrong in a limpet.toml or a waagent.conf, with the lines. Nothing else is read.",
        epilog=CHECK_EPILOG,
        formatter_class=Help,
    )
    check.add_argument(
        "file", type=Path, metavar="FILE", help="a file that ends in .conf is taken for a waagent.conf"
    )
    check.add_argument("--format", choices=("toml", "waagent"), help="what it is, whatever its name")
    check.add_argument("--json", action="store_true", help="for programs")
    check.set_defaults(run=check_file)
    return made


def main(arguments: Sequence[str]) -> int:
    """Print what was asked for. Raises: ConfigurationError."""
    options = parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def show_settings(options: argparse.Namespace) -> int:
    """The settings in effect. Raises: ConfigurationError."""
    rows = chosen(options.names)
    if options.page:
        sys.stdout.write(page())
        return 0
    config = load_config(RealFiles(), path=options.config, options=options.set)
    if options.waagent:
        sys.stdout.write(as_waagent(config, rows))
    elif options.json:
        sys.stdout.write(as_json(config, rows))
    else:
        sys.stdout.write(as_text(config, rows, complete=not options.names))
    return 0


def check_file(options: argparse.Namespace) -> int:
    """What is wrong in a file. Raises: ConfigurationError."""
    written_as = options.format or format_of(options.file)
    wrong, unused = problems(RealFiles(), options.file, written_as)
    if options.json:
        sys.stdout.write(
            json.dumps({"format": written_as, "problems": wrong, "unused": unused}, indent=2) + "\n"
        )
    else:
        lines = wrong or [f"{options.file}: nothing is wrong"]
        sys.stdout.write("\n".join([*lines, *unused]) + "\n")
    return 1 if wrong else 0


def chosen(names: Sequence[str]) -> list[Setting]:
    """The rows with these names of ours or of waagent.conf; all, when none is given. Raises: ConfigurationError."""
    if not names:
        return list(SETTINGS.values())
    by_key = {row.waagent: row for row in SETTINGS.values() if row.waagent is not None}
    for name in names:
        if name not in SETTINGS and name not in by_key:
            raise ConfigurationError(unknown("setting", name, (*SETTINGS, *by_key)))
    return [SETTINGS.get(name) or by_key[name] for name in names]


def as_text(config: Config, rows: Sequence[Setting], *, complete: bool = True) -> str:
    """A table for people. complete: whether what concerns waagent.conf as a whole is told too."""
    cells = [(row.name, shown(getattr(config, row.attribute)), config.origin(row.name)) for row in rows]
    widths = [max(len(cell[column]) for cell in cells) for column in (0, 1)]
    lines = [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}" for name, value, origin in cells]
    for title, texts in (("wrong in waagent.conf:", config.notes), ("without effect here:", config.unused)):
        if texts and complete:
            lines += ["", title, *(f"  {text}" for text in texts)]
    return "\n".join(lines) + "\n"


def as_json(config: Config, rows: Sequence[Setting]) -> str:
    """The same for programs."""
    document = {
        "settings": {
            row.name: {"value": _plain(getattr(config, row.attribute)), "origin": config.origin(row.name)}
            for row in rows
        },
        "notes": config.notes,
        "unused": config.unused,
    }
    return json.dumps(document, indent=2) + "\n"


def as_waagent(config: Config, rows: Sequence[Setting]) -> str:
    """The values by the keys of waagent.conf, as its own agent shows them. Source: guest-setup.md §H.1."""
    found = {}
    for row in rows:
        if row.waagent is not None:
            value = getattr(config, row.attribute)
            found[row.waagent] = "None" if value is None else row.kind.render(value)
    return "".join(f"{key} = {found[key]}\n" for key in sorted(found))


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
