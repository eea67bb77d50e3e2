"""The options by which every program is configured: --config FILE and --set NAME=VALUE."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.config.load import DEFAULT_PATH

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` and ``--set`` to a program's own options."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"configuration instead of {DEFAULT_PATH}"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; wins over every file"
    )


def alone(arguments: Sequence[str]) -> tuple[Path | None, tuple[str, ...]] | None:
    """What a command line says that has nothing but these options; None for any other, which is argparse's, as is what is wrong.

    Services are started so, and what argparse loads is a sixth of such a start.
    """
    path: Path | None = None
    settings: list[str] = []
    for name, value in zip(arguments[::2], arguments[1::2], strict=False):
        if value.startswith("-"):
            return None
        if name == "--config":
            path = Path(value)
        elif name == "--set":
            settings.append(value)
        else:
            return None
    return None if len(arguments) % 2 else (path, tuple(settings))


def given(options: argparse.Namespace) -> tuple[str, ...]:
    """The same options again, for a program that shall be configured as this one is."""
    return again(options.config, options.set)


def again(path: Path | None, settings: Iterable[str]) -> tuple[str, ...]:
    """The command line that says so, wherever it is started."""
    words = [] if path is None else ["--config", str(path.absolute())]
    return (*words, *(word for each in settings for word in ("--set", each)))
