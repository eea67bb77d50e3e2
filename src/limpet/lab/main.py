"""`limpet lab`: the demos and the benches, on this machine."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EPILOG = """\
example:
  sudo limpet lab demo

limpet lab COMMAND --help says more about each, with its exit codes.
"""

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": (
        "limpet.lab.demo.appliance",
        "Show a network appliance hand over to its network OS, and what it survives.",
    ),
    "demo-vm": ("limpet.lab.demo.vm", "Show a new VM that provisions itself, and the agent at work in it."),
    "appliance": ("limpet.lab.demo.look_around", "Keep a network appliance running, to look around in."),
    "bench": ("limpet.lab.bench.agent", "Measure the agent and its peer side by side."),
    "bench-boot-ns": (
        "limpet.lab.bench.boot_ns",
        "Measure how limpet and its peers provision machines in namespaces.",
    ),
    "bench-boot": (
        "limpet.lab.bench.boot",
        "Measure the first boot of a VM, with limpet and with its peers.",
    ),
    "bench-appliance": (
        "limpet.lab.bench.appliance",
        "Measure an appliance's handover and what it survives, with limpet and with its peer.",
    ),
}
"""Each with its module, whose `main` takes the arguments and gives the exit code, and whose `parser()` reads them."""


def parser() -> argparse.ArgumentParser:
    """The command line of the lab and of each of its commands: what the man page and shell completion are made from."""
    made, commands = _words()
    for name, (module, purpose) in COMMANDS.items():
        own: argparse.ArgumentParser = import_module(module).parser()
        commands.add_parser(
            name,
            help=purpose,
            parents=[own],
            add_help=False,
            description=own.description,
            epilog=own.epilog,
            formatter_class=Help,
        )
    return made


def _words() -> tuple[argparse.ArgumentParser, argparse._SubParsersAction[argparse.ArgumentParser]]:
    made = argparse.ArgumentParser(
        prog="limpet lab",
        description="A machine room on this host: fabric and VMs in namespaces, without a way out. Needs root.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    return made, made.add_subparsers(metavar="COMMAND", required=True)


def main(argv: Sequence[str] = ()) -> int:
    """Run one of the lab's commands. Gives its exit code. Raises: LabError."""
    # What follows the command is the command's own to read, its --help too: only that command is imported.
    made, commands = _words()
    for name, (module, purpose) in COMMANDS.items():
        commands.add_parser(name, help=purpose, add_help=False).set_defaults(module=module)
    known = made.parse_args(argv[:1])
    run: Callable[[Sequence[str]], int] = import_module(known.module).main
    return run(argv[1:])
