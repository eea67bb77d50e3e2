"""`limpet support-bundle`: supervisor, network OS, guest shell and agent of an appliance in one zip, without secrets (R17)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.config.load import load_config
from limpet.config.options import add_options
from limpet.guest.appliance_manifest import appliance_manifest, first_of
from limpet.guest.log_manifest import Bounds
from limpet.host.commands import RealCommands
from limpet.host.files import RealFiles
from limpet.manage.logs.bundle import Work
from limpet.manage.logs.command import FOLDER, collect, places, plan_text, progress, result_text
from limpet.manage.logs.sources import Sources
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.config.settings import Config

EPILOG = """\
examples:
  limpet support-bundle
  limpet support-bundle --output /tmp/support.zip --json

exit codes: 0 the bundle is there, 1 it could not be made, 2 wrong usage or configuration, 3 another one is being made
"""
BUNDLE = "limpet-support.zip"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet support-bundle",
        description=(
            "Put all that explains this appliance's state into a zip: the supervisor's journal, the network OS, the guest "
            "shell, the agent. Passwords, keys and tokens are taken out."
        ),
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the zip; without it, on the appliance's flash where there is one",
    )
    made.add_argument("--dry-run", action="store_true", help="show what would be collected; write nothing")
    made.add_argument("--json", action="store_true", help="for programs")
    add_options(made)
    return made


def main(arguments: Sequence[str]) -> int:
    """Make the bundle. Raises: ConfigurationError; AlreadyRunning; HostError."""
    options = parser().parse_args(arguments)
    config = load_config(RealFiles(), path=options.config, options=options.set)
    output = options.output.absolute() if options.output is not None else _place(config)
    where = places(config)
    work = Work(
        items=appliance_manifest(where),
        first=first_of(where),
        bounds=Bounds(),
        sources=Sources(),
        commands=RealCommands(),
        output=output,
        say=progress(),
    )
    if options.dry_run:
        sys.stdout.write(plan_text(work, as_json=options.json))
        return 0
    outcome = collect(config, work, who="limpet support-bundle")
    sys.stdout.write(result_text(output, outcome, as_json=options.json))
    return 0


def _place(config: Config) -> Path:
    """On the flash, from where an operator gets files off an appliance; else where the logs for the platform are made."""
    return (config.bootflash if config.bootflash.is_dir() else config.library / FOLDER) / BUNDLE
