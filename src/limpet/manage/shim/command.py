"""`limpet install-shim`: the command waagent, for scripts of images and for handlers that import it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.manage.acting import interpreter, require_root
from limpet.manage.install.command import carry_out, checked_root, command_in
from limpet.manage.shim.plan import look, plan_removal, plan_shim, text
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.apply import Interpreter

EPILOG = """\
examples:
  limpet install-shim --dry-run
  limpet install-shim
  limpet install-shim --root /mnt/image --force
  limpet install-shim --uninstall

A waagent that another package has put there is refused; with --force it is diverted (dpkg-divert), or kept beside as
waagent.before-limpet, until --uninstall puts it back. Which words it knows: docs/waagent.md.

exit codes: 0 done, or nothing to be done; 1 refused or failed; 2 wrong usage
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet install-shim",
        description="Put a command /usr/sbin/waagent in place: it takes waagent's words and runs limpet, and handlers can"
        " import it.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="the tree of an image instead of this machine",
    )
    made.add_argument("--command", type=Path, metavar="PATH", help="where limpet is in that tree")
    made.add_argument(
        "--force", action="store_true", help="also where another waagent is; that one is kept aside"
    )
    made.add_argument("--uninstall", action="store_true", help="take it away, and put back what was there")
    made.add_argument("--dry-run", action="store_true", help="say what would be done; do nothing")
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def main(arguments: Sequence[str]) -> int:
    """Put it in place. Raises: ConfigurationError, HostError."""
    options = parser().parse_args(arguments)
    require_root(options)
    return run(options, interpreter())


def run(options: argparse.Namespace, acting: Interpreter) -> int:
    """The command on any machine. Raises: ConfigurationError, HostError."""
    root = checked_root(options.root, acting.files)
    facts = look(acting.files, acting.commands, root)
    if options.uninstall:
        tasks = plan_removal(facts)
    else:
        wanted = text(command_in(root, options.command, acting.files))
        tasks = plan_shim(wanted, facts, force=options.force)
    return carry_out(tasks, options, acting)
