"""`limpet serial-console`: boot messages and a login on the serial port that the platform records and offers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from limpet.guest.boot_loaders import plan_arguments
from limpet.guest.kernel_arguments import serial_console
from limpet.host.facts.boot_loaders import look
from limpet.manage.acting import interpreter, require_root
from limpet.manage.telling import ended, planned, say, say_json, say_plan
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.guest.steps import Outcome
    from limpet.host.apply import Interpreter

EPILOG = """\
examples:
  limpet serial-console --dry-run
  limpet serial-console
  limpet serial-console --remove

Where grub-mkconfig reads /etc/default/grub.d it gets a file there, else /etc/default/grub a marked block at its end. Boot
entries (/boot/loader/entries), /etc/kernel/cmdline and a legacy menu.lst are edited, with a copy from before beside them.
--remove takes all of it back, to the letter. Both take effect at the next boot. systemd starts the login by itself.

exit codes: 0 done, or nothing to be done; 1 failed; 2 wrong usage
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet serial-console",
        description="Give the kernel the serial console's arguments at the next boots, for GRUB and systemd-boot.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("--remove", action="store_true", help="take back what this command has changed")
    made.add_argument("--dry-run", action="store_true", help="say what would be done; do nothing")
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def main(arguments: Sequence[str]) -> int:
    """Do what was asked for. Raises: HostError."""
    options = parser().parse_args(arguments)
    require_root(options)
    return run(options, interpreter())


def run(options: argparse.Namespace, acting: Interpreter) -> int:
    """The command on any machine. Raises: HostError."""
    wish = serial_console(acting.kernel.architecture())
    tasks = plan_arguments(wish, look(acting.files, acting.commands, wish), remove=options.remove)
    if options.dry_run:
        if options.json:
            say_json({"plan": planned(tasks)})
        else:
            say_plan(tasks)
        return 1 if any(task.problem is not None for task in tasks) else 0
    outcomes = acting.apply(tasks, *(() if options.json else (_say_outcome,)))
    changed = any(outcome.state == "done" for outcome in outcomes)
    if options.json:
        say_json({"outcomes": ended(outcomes), "reboot": changed})
    elif changed:
        say("It takes effect at the next boot.")
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _say_outcome(outcome: Outcome) -> None:
    say(outcome.describe())
