"""``limpet emulator wait``: until a VM has done something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.emulator.client import WaitedInVain
from limpet.emulator.commands.arguments import (
    Exit,
    Parsers,
    add_client_options,
    add_command,
    add_vm_option,
    chosen_vm,
    client,
    print_json,
    say,
)

if TYPE_CHECKING:
    import argparse

EXAMPLE = """\
  limpet emulator wait --health Ready
  limpet emulator wait --health Ready --host-name vm1 --role-property CertificateThumbprint
  limpet emulator wait --handler Limpet.Sample.Hello --sequence 1 --status success
  limpet emulator wait --handler Limpet.Sample.Hello --gone --timeout 30
  limpet emulator wait --endpoint telemetry --requests 1"""

_WORDS = (
    ("handler", str, "an entry of the newest report is of this handler"),
    ("version", str, "and of this version"),
    ("extension", str, "and of this extension of a multi-config handler"),
    ("sequence", int, "and answers settings with this sequence number"),
    ("status", str, "and the extension's status is transitioning, warning, error or success"),
    ("handler-status", str, "and the handler's status is this word, such as Ready"),
    ("goal-state", str, "the goal state's aggregate status is Success or Failed"),
    ("health", str, "the newest health report is Ready, NotReady or NotReady/Provisioning"),
    ("health-reports", int, "at least so many health reports came"),
    ("host-name", str, "the platform's DNS has this host name, by DHCP"),
    ("role-property", str, "this role property was sent: NAME or NAME=VALUE"),
    ("incarnation", str, "the goal state with this incarnation was handed out"),
    ("etag", str, "vmSettings with this ETag were handed out"),
    ("requests", int, "at least so many requests came"),
    ("endpoint", str, "count only requests to this endpoint"),
)


def add(parsers: Parsers) -> None:
    """Add the command."""
    parser = add_command(
        parsers,
        "wait",
        "Wait until a VM has done something; everything given must hold at once.",
        EXAMPLE,
        _run,
    )
    add_client_options(parser)
    add_vm_option(parser)
    for name, kind, about in _WORDS:
        parser.add_argument(f"--{name}", type=kind, metavar="N" if kind is int else "TEXT", help=about)
    parser.add_argument("--gone", action="store_true", help="the newest report names the handler no more")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="wait at most so long (default: 60)"
    )
    parser.set_defaults(parser=parser)


def condition(arguments: argparse.Namespace) -> dict[str, Any]:
    """The condition in the words of the admin API."""
    found: dict[str, Any] = {}
    for name, _, _ in _WORDS:
        first, *rest = name.split("-")
        value = getattr(arguments, name.replace("-", "_"))
        if value is not None:
            found[first + "".join(word.capitalize() for word in rest)] = value
    return found | ({"gone": True} if arguments.gone else {})


def _run(arguments: argparse.Namespace) -> int:
    parser: argparse.ArgumentParser = arguments.parser
    wanted = condition(arguments)
    if not wanted:
        parser.error("say what to wait for, such as --health Ready")
    if arguments.gone and arguments.handler is None:
        parser.error("--gone needs --handler")
    with client(arguments) as api:
        vm = chosen_vm(api, arguments.vm)
        try:
            held = api.wait(vm, wanted, timeout=arguments.timeout)
        except WaitedInVain as error:
            if arguments.json:
                print_json({"held": False})
            else:
                say(f"{vm}: {error}")
            return Exit.TIMED_OUT
    if arguments.json:
        print_json({"held": True, **held})
    else:
        say(f"{vm}: after {held['seconds']:.3f} s")
    return Exit.DONE
