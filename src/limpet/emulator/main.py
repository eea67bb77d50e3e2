"""``limpet emulator``: serve a fabric, and ask a running one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from limpet.emulator.commands import asking, faulting, media, publishing, serve, waiting
from limpet.emulator.commands.arguments import EXIT_CODES
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_COMMAND = "serve"
EXAMPLE = """\
  limpet emulator serve --vm vm1=127.0.0.1
  limpet emulator media dvd.iso --from-vm vm1
  limpet emulator wait --health Ready
  limpet emulator status"""


def parser() -> argparse.ArgumentParser:
    """The command line of the emulator."""
    whole = argparse.ArgumentParser(
        prog="limpet emulator",
        description="An Azure fabric for tests and for people: serve one, and ask or change it while it runs.",
        epilog=f"example:\n{EXAMPLE}\n\nCOMMAND --help says more, with examples. Without a command: serve.\n\n{EXIT_CODES}",
        formatter_class=Help,
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in (serve, publishing, asking, waiting, faulting, media):
        group.add(commands)
    return whole


def main(argv: Sequence[str] = ()) -> int:
    """Run one command; gives the exit code. Raises: LimpetError, for people."""
    arguments = list(argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in {"-h", "--help"}):
        arguments.insert(0, DEFAULT_COMMAND)
    found = parser().parse_args(arguments)
    code: int = found.run(found)
    return code
