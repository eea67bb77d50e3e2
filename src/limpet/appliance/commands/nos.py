"""`limpet nos`: ask the network OS for a command, from the guest shell or from the host."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from limpet.guest.command_protocol import LONGEST_TIMEOUT, SOCKET, CommandRequest, fault_of
from limpet.guest.fabric_lease import EXCHANGE, IN_THE_GUEST
from limpet.host.command_socket import ask
from limpet.model.errors import HostError
from limpet.model.printable import printable
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.guest.command_protocol import CommandReply

NOT_IN_TIME = 124
NOBODY = 125
REFUSED = 126
_LONGER = 10.0
"""How long after the command's own time limit the answer may come, seconds: others may be before it."""
EPILOG = """\
examples:
  limpet nos show version
  limpet nos --timeout 5 show ip route
  limpet nos --json show interfaces

What may be asked for is a setting of the appliance (commands.allow); each request is in its log.

exit codes: the network OS's own; 124 it did not end in time; 125 nobody answers; 126 refused; 2 wrong usage
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet nos",
        description="Have the network OS do one line of its own command language, and print what it says.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("--timeout", type=float, default=30.0, help="seconds (30)", metavar="SECONDS")
    made.add_argument("--json", action="store_true", help="for programs: exit code, streams and problem")
    made.add_argument("line", nargs=argparse.REMAINDER, metavar="LINE", help="as the network OS has it")
    return made


def main(arguments: Sequence[str]) -> int:
    """Ask. Gives the exit code."""
    return run(arguments, (IN_THE_GUEST / SOCKET, EXCHANGE / SOCKET))


def run(arguments: Sequence[str], places: Sequence[Path]) -> int:
    """Ask at the first of these places that is there."""
    made = parser()
    options = made.parse_args(list(arguments))
    line = " ".join(options.line[1:] if options.line[:1] == ["--"] else options.line)
    if (fault := fault_of(line)) is not None:
        made.error(fault)
    if not 0 < options.timeout <= LONGEST_TIMEOUT:
        made.error(f"--timeout must be between 0 and {LONGEST_TIMEOUT:g} seconds")
    try:
        request = CommandRequest(line=line, timeout=options.timeout)
        reply = ask(places, request, timeout=options.timeout + _LONGER)
    except HostError as error:
        print(f"limpet nos: {error}", file=sys.stderr)  # noqa: T201
        return NOBODY
    return _as_json(reply) if options.json else _as_streams(reply)


def _as_streams(reply: CommandReply) -> int:
    sys.stdout.write(reply.stdout)
    sys.stderr.write(reply.stderr)
    if reply.problem is not None:
        shown = printable(reply.problem)
        print(f"limpet nos: {shown}", file=sys.stderr)  # noqa: T201
    return _exit_code(reply)


def _as_json(reply: CommandReply) -> int:
    members = {
        "exitCode": reply.exit_code,
        "stdout": reply.stdout,
        "stderr": reply.stderr,
        "problem": reply.problem,
        "refused": reply.refused,
    }
    print(json.dumps(members, indent=2))  # noqa: T201
    return _exit_code(reply)


def _exit_code(reply: CommandReply) -> int:
    if reply.refused:
        return REFUSED
    if reply.exit_code is None:
        return NOT_IN_TIME
    return reply.exit_code if 0 <= reply.exit_code <= 255 else 128 + abs(reply.exit_code) % 128
