"""What the commands share: options, exit codes, and how a VM is chosen."""

from __future__ import annotations

import argparse
import json
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from limpet.emulator.client import ADMIN_VARIABLE, DEFAULT_ADMIN, AdminClient
from limpet.model.errors import ConfigurationError
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_JSON = 1024 * 1024


class Exit(IntEnum):
    """What the commands end with; 2 is argparse's, for wrong usage."""

    DONE = 0
    FAILED = 1
    TIMED_OUT = 3


EXIT_CODES = """\
exit codes: 0 done, 1 it could not be done or the VM reported a failure, 2 wrong usage or configuration, 3 waited in vain"""


class Parsers(Protocol):
    """Where argparse keeps subcommands."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        """One more."""


def add_command(
    parsers: Parsers, name: str, about: str, example: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """A command with its help. example: lines that can be typed as they stand."""
    parser = parsers.add_parser(
        name,
        help=about,
        description=about,
        epilog=f"example:\n{example}\n\n{EXIT_CODES}",
        formatter_class=Help,
    )
    parser.set_defaults(run=run)
    return parser


def add_client_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that asks a running emulator."""
    parser.add_argument(
        "--admin",
        metavar="ADDRESS",
        help=f"the emulator's admin API: HOST:PORT or unix:PATH (default: ${ADMIN_VARIABLE}, or {DEFAULT_ADMIN})",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON, for programs")


def add_vm_option(parser: argparse.ArgumentParser) -> None:
    """Which VM is meant."""
    parser.add_argument("--vm", metavar="NAME", help="which VM; may be left out when there is only one")


def client(arguments: argparse.Namespace) -> AdminClient:
    """The client for the emulator that the arguments name. Raises: ConfigurationError."""
    try:
        return AdminClient.at(arguments.admin)
    except ValueError as error:
        raise ConfigurationError(f"--admin: {error}") from error


def chosen_vm(api: AdminClient, name: str | None) -> str:
    """`name`, or the only VM there is. Raises: ConfigurationError."""
    if name is not None:
        return name
    names = sorted(vm["name"] for vm in api.vms())
    if len(names) == 1:
        return str(names[0])
    if not names:
        raise ConfigurationError(
            "the fabric has no VM yet: start an agent, or add one with: limpet emulator vms add NAME ADDRESS"
        )
    raise ConfigurationError(f"say which VM with --vm; there are {', '.join(names[:20])}")


def json_object(text: str) -> dict[str, Any]:
    """An object given as JSON, or as ``@file`` (``@-`` for standard input). Raises: ArgumentTypeError."""
    origin = "it"
    if text.startswith("@"):
        origin = text[1:]
        text = _content(text[1:])
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{origin} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f'{origin} is not a JSON object such as {{"greeting": "hello"}}')
    return found


def print_json(value: object) -> None:
    """An answer for programs."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def say(text: str) -> None:
    """A line for people."""
    sys.stdout.write(f"{text}\n")


def _content(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read(LARGEST_JSON + 1)
        with Path(name).open(encoding="utf-8") as file:
            text = file.read(LARGEST_JSON + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise argparse.ArgumentTypeError(f"{name}: cannot be read: {reason}") from error
    if len(text) > LARGEST_JSON:
        raise argparse.ArgumentTypeError(f"{name}: larger than {LARGEST_JSON} characters")
    return text
