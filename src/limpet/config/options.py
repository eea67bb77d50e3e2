"""The options by which every program is configured: --config FILE and --set NAME=VALUE."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.config.load import DEFAULT_PATH

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` and ``--set`` to a program's own options."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"configuration instead of {DEFAULT_PATH}"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; wins over every file"
    )


def given(options: argparse.Namespace) -> tuple[str, ...]:
    """The same options again, for a program that shall be configured as this one is."""
    words = [] if options.config is None else ["--config", str(options.config.absolute())]
    for each in options.set:
        words += ["--set", each]
    return tuple(words)
