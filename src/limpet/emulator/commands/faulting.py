"""``limpet emulator faults``: what goes wrong on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.emulator.commands.arguments import (
    Exit,
    Parsers,
    add_client_options,
    add_command,
    client,
    print_json,
    say,
)
from limpet.emulator.dhcp.lies import LIES
from limpet.emulator.text import print_table

if TYPE_CHECKING:
    import argparse

EXAMPLE = """\
  limpet emulator faults add goal-state --status 503 --count 3
  limpet emulator faults add 'blob-*' --delay 2 --cut 1000 --vm vm1
  limpet emulator faults add dhcp-discover --lie no-wire-server --count 1
  limpet emulator faults add 'dhcp-*' --refused
  limpet emulator faults
  limpet emulator faults clear"""

_LIMITS = (
    ("vm", str, "only for VMs of this name (a glob)"),
    ("service", str, "only for wire-server, host-plugin, imds, storage or dhcp"),
    ("method", str, "only for this method"),
    ("path", str, "only for this path (a glob)"),
    ("skip", int, "let so many requests go well first"),
    ("count", int, "so many go wrong (default: all)"),
)
_KINDS = (
    ("delay", float, "SECONDS", "wait before anything else"),
    ("status", int, "CODE", "answer this status instead"),
    ("body", str, "TEXT", "the text that goes with --status"),
    ("cut", int, "BYTES", "end the connection after so many bytes of the answer"),
    ("lie", str, "NAME", f"of DHCP: {', '.join(LIES)}"),
    ("times", int, "N", "so often, with --lie repeat"),
)
_FLAGS = (
    ("garbage", "answer bytes that are not HTTP"),
    ("refused", "reset the connection without an answer; of DHCP: stay silent"),
    ("endless", "answer with a body that never ends"),
)


def add(parsers: Parsers) -> None:
    """Add the command."""
    parser = add_command(
        parsers, "faults", "List what goes wrong on purpose, add a rule, or clear them.", EXAMPLE, _run
    )
    add_client_options(parser)
    parser.add_argument("action", nargs="?", choices=("list", "add", "clear"), default="list")
    parser.add_argument(
        "what",
        nargs="?",
        metavar="ENDPOINT|ID",
        help="with add: an endpoint's name (a glob); with clear: one rule",
    )
    for name, kind, about in _LIMITS:
        parser.add_argument(f"--{name}", type=kind, metavar="N" if kind is int else "TEXT", help=about)
    for name, read, metavar, about in _KINDS:
        parser.add_argument(f"--{name}", type=read, metavar=metavar, help=about)
    for name, about in _FLAGS:
        parser.add_argument(f"--{name}", action="store_true", help=about)
    parser.set_defaults(parser=parser)


def rule(arguments: argparse.Namespace) -> dict[str, Any]:
    """The rule in the words of the admin API."""
    names = [name for name, *_ in (*_LIMITS, *_KINDS)]
    found = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    flags = {name: True for name, _ in _FLAGS if getattr(arguments, name)}
    return {"endpoint": arguments.what, **found, **flags}


def _run(arguments: argparse.Namespace) -> int:
    parser: argparse.ArgumentParser = arguments.parser
    match arguments.action, arguments.what:
        case "add", None:
            parser.error("say which endpoint, such as: faults add goal-state --status 503")
        case "list", str():
            parser.error(f"{arguments.what!r} is not understood; to add a rule: faults add {arguments.what}")
        case "clear", str() as number if not number.isdecimal():
            parser.error(f"{number!r} is not a rule's number; see: limpet emulator faults")
    with client(arguments) as api:
        if arguments.action == "add":
            api.add_fault(rule(arguments))
        elif arguments.action == "clear":
            removed = api.clear_faults(None if arguments.what is None else int(arguments.what))
            if not arguments.json:
                say(f"removed {removed}")
        found = api.faults()
    if arguments.json:
        print_json(found)
    elif found or arguments.action == "list":
        print_table(
            ("id", "endpoint", "only for", "skip", "count", "seen", "applied", "fault"),
            (
                (
                    each["id"],
                    each["endpoint"],
                    ", ".join(
                        f"{name} {each[name]}" for name in ("vm", "service", "method", "path") if name in each
                    ),
                    each["skip"],
                    each["count"] or "all",
                    each["seen"],
                    f"{each['applied']}{' (spent)' if each['spent'] else ''}",
                    _words(each),
                )
                for each in found
            ),
        )
    return Exit.DONE


def _words(members: dict[str, Any]) -> str:
    kinds = [name for name, *_ in (*_KINDS, *_FLAGS) if name in members]
    return ", ".join(name if members[name] is True else f"{name} {members[name]}" for name in kinds)
