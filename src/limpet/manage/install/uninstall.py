"""`limpet uninstall`: takes out again what `limpet install` has put in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.manage.acting import interpreter, require_root
from limpet.manage.install.command import uninstall, uninstall_parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from limpet.manage.reference.commands_tree import Verb


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return uninstall_parser()


def main(arguments: Sequence[str], verbs: Mapping[str, Verb]) -> int:
    """Take it out. Raises: ConfigurationError, HostError."""
    options = parser().parse_args(arguments)
    require_root(options)
    return uninstall(options, interpreter(), verbs)
