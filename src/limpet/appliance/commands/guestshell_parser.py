"""The command line of `limpet guestshell`."""

from __future__ import annotations

import argparse
from pathlib import Path

from limpet.appliance.guest.build_recipe import SUITE
from limpet.config.options import add_options
from limpet.usage import Help

CODES = """\
exit codes: 0 done; of run: the command's own; 1 failed; 2 wrong usage or configuration; 3 another one is at work;
4 it does not run (status, run); 130 interrupted
"""
EPILOG = f"""\
examples:
  limpet guestshell build --output guest-shell.squashfs
  limpet guestshell upgrade guest-shell.squashfs
  limpet guestshell enable
  limpet guestshell run -- systemctl status limpet-agent
  limpet guestshell run < script.sh -- sh -s
  limpet guestshell disable

More in docs/guest-shell.md.

{CODES}"""
EXAMPLES = {
    "enable": "enable --dry-run",
    "disable": "disable",
    "destroy": "destroy --all --dry-run",
    "run": "run -- systemctl status limpet-agent",
    "status": "status --json | jq .running",
    "build": "build --output guest-shell.squashfs --package htop",
    "upgrade": "upgrade guest-shell.squashfs",
}
COMMANDS = {
    "enable": "Have it run: from now on it is started, and started again whatever happens.",
    "disable": "Stop it; what is in it is kept.",
    "destroy": "Stop it and forget its root file system; the agent's state, logs and homes are kept without --all.",
    "run": "Run a command in it as root, with its exit code and streams.",
    "status": "Show how it is.",
    "build": "Build its image from Debian packages: the same inputs give the same bytes.",
    "upgrade": "Put another image in place: it is tried, and the last one that worked is kept.",
}
CHANGING = ("enable", "disable", "destroy", "upgrade", "build")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet guestshell",
        description="The guest shell: the container behind the network OS in which the agent runs.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    commands = made.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, about in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=about,
            description=about,
            epilog=f"example:\n  limpet guestshell {EXAMPLES[name]}\n\n{CODES}",
            formatter_class=Help,
        )
        if name != "build":
            add_options(command)
        if name in CHANGING:
            command.add_argument("--dry-run", action="store_true", help="say what would be done; do nothing")
        if name != "run":
            command.add_argument("--json", action="store_true", help="for programs")
        _own(name, command)
    return made


def _own(name: str, command: argparse.ArgumentParser) -> None:
    if name == "destroy":
        command.add_argument(
            "--all", action="store_true", help="forget the agent's state, logs and homes too; images stay"
        )
    elif name == "run":
        command.add_argument(
            "argv", nargs=argparse.REMAINDER, metavar="CMD", help="the command and its arguments"
        )
    elif name == "upgrade":
        command.add_argument(
            "file",
            type=Path,
            metavar="FILE",
            help="a .squashfs file, a tar, or a folder with a root file system",
        )
    elif name == "build":
        _build(command)


def _build(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="what is made: a name that ends in .squashfs or as that of a tar (.tar, .tar.zst …), else a folder",
    )
    command.add_argument("--suite", default=SUITE, help=f"of Debian ({SUITE})")
    command.add_argument("--package", action="append", default=[], metavar="NAME", help="one more package")
    command.add_argument(
        "--mirror",
        action="append",
        default=[],
        metavar="LINE",
        help="a line of sources.list, such as 'deb http://mirror.example/debian bookworm main'; else this machine's",
    )
    command.add_argument(
        "--epoch",
        type=int,
        metavar="SECONDS",
        help="nothing in it is newer than this (since 1970); else $SOURCE_DATE_EPOCH, else the newest packaged file",
    )
