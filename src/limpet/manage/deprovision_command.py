"""`limpet deprovision`: makes this machine ready to become an image. It says what will be lost, and asks."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.config.load import load_config
from limpet.config.options import add_options, given
from limpet.guest.deprovision import DeprovisionPolicy, losses, notes, plan_deprovision
from limpet.guest.forgetting import WORKER
from limpet.host.facts.deprovision import look
from limpet.host.facts.reading import text_of
from limpet.host.files import RealFiles
from limpet.host.lock import is_held
from limpet.host.worker import interpreter_command
from limpet.manage.acting import interpreter, require_root
from limpet.manage.telling import ended, plain, planned, say, say_json, say_outcome, say_plan
from limpet.model.errors import ConfigurationError, HostError
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.config.settings import Config
    from limpet.guest.deprovision import DeprovisionFacts
    from limpet.guest.steps import Outcome
    from limpet.host.apply import Interpreter

EPILOG = """\
examples:
  limpet deprovision --user --dry-run
  limpet deprovision --user --force && poweroff

Order, conditions and files: docs/waagent.md; of an appliance, whose guest shell is ended and whose network OS forgets this VM:
docs/appliance.md. Where cloud-init provisions, run `cloud-init clean --logs` too.

exit codes: 0 done, 1 not done or not all of it, 2 wrong usage or configuration, 130 interrupted before anything was done
"""
GUEST_SHELL = "limpet.appliance.commands.guestshell"
SUPERVISOR_LOCK = Path("/run/limpet/appliance.lock")
QUESTION = "Do you want to proceed (y/n)? "


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet deprovision",
        description="Remove from this machine what makes it this one: host keys, certificates, handlers, leases, logs, names."
        " What is then on the disk can become an image. It says what will be lost, and asks.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("--user", action="store_true", help="delete the provisioned user and its home too")
    made.add_argument("--dry-run", action="store_true", help="say what would be done; do nothing")
    made.add_argument("--force", action="store_true", help="do not ask")
    made.add_argument("--json", action="store_true", help="for programs; needs --force or --dry-run")
    add_options(made)
    return made


def main(arguments: Sequence[str]) -> int:
    """Do it. Raises: ConfigurationError; HostError, when not run by root."""
    options = parser().parse_args(arguments)
    if options.json and not (options.force or options.dry_run):
        raise ConfigurationError(
            "--json cannot ask: add --force to do it, or --dry-run to see what would be done"
        )
    require_root(options)
    acting = interpreter()
    config = load_config(acting.files, path=options.config, options=options.set)
    return run(
        options, config, acting, ask=_ask if sys.stdin.isatty() else None, running=partial(_running, config)
    )


def _running(config: Config) -> tuple[str, ...]:
    """Agents and supervisors that hold their locks, as these say who they are. Raises: HostError."""
    files = RealFiles()
    return tuple(
        (text_of(files, lock, at_most=200) or f"who holds {lock}")
        for lock in (SUPERVISOR_LOCK, config.lock)
        if (os.geteuid() == 0 or os.access(lock, os.R_OK)) and is_held(lock)
    )


def _nobody() -> tuple[str, ...]:
    return ()


def run(
    options: argparse.Namespace,
    config: Config,
    acting: Interpreter,
    ask: Callable[[str], str] | None,
    running: Callable[[], tuple[str, ...]] = _nobody,
) -> int:
    """The command on any machine. ask: puts a question to a person; None where there is none. running: the agents that do.

    Raises: ConfigurationError; HostError, while an agent runs that is no service.
    """
    policy, facts = _seen(options, config, acting)
    by_hand = " and ".join(() if facts.services else running())
    tasks = plan_deprovision(policy, facts)
    told = _Told(losses(policy, facts), _notes(policy, facts, acting, by_hand))
    if options.dry_run:
        if options.json:
            say_json({"losses": told.losses, "notes": told.notes, "plan": planned(tasks)})
        else:
            told.say()
            say("Nothing is done; without --dry-run:" if tasks else "There is nothing to be done.")
            say_plan(tasks)
        return 0
    if by_hand:
        raise HostError(
            f"what runs here would write its files anew, and is no service that could be stopped: {by_hand}: end it, and run this again"
        )
    if not options.json:
        told.say()
    if tasks and not options.force and not _agreed(ask):
        say("Nothing was done.")
        return 1
    # Half of it would be worse than all or nothing: neither the console's interrupt nor its end counts any more.
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    outcomes = acting.apply(tasks, *(() if options.json else (_told,)))
    failed = [outcome for outcome in outcomes if outcome.failed]
    if options.json:
        say_json({"losses": told.losses, "notes": told.notes, "outcomes": ended(outcomes)})
    elif failed:
        say(
            f"{len(failed)} of {len(outcomes)} parts were not done, see above: this disk should not become an image yet."
        )
    else:
        say("Done: switch this machine off now. What starts on it again makes its traces anew.")
    return 1 if failed else 0


def _seen(
    options: argparse.Namespace, config: Config, acting: Interpreter
) -> tuple[DeprovisionPolicy, DeprovisionFacts]:
    """What was asked for, and what is there."""
    policy = DeprovisionPolicy(
        user=options.user,
        host_keys=config.regenerate_host_keys,
        root_password=config.delete_root_password,
        library=config.library,
        logs=config.log_dir,
    )
    facts = look(
        acting.files,
        acting.commands,
        acting.kernel,
        policy,
        ssh_dir=config.ssh_dir,
        shadow=config.shadow_file,
        sudoers=config.sudoers_dir,
        home_dir=config.home_dir,
        worker=tuple(interpreter_command(WORKER, *given(options))),
        ending=tuple(interpreter_command(GUEST_SHELL, "destroy", "--all", *given(options))),
    )
    return policy, facts


@dataclass(frozen=True, slots=True)
class _Told:
    """What a person is told beforehand."""

    losses: list[str]
    notes: list[str]

    def say(self) -> None:
        for line in self.losses:
            say(f"WARNING! {line}")
        for line in self.notes:
            say(f"Note: {line}")


def _notes(
    policy: DeprovisionPolicy, facts: DeprovisionFacts, acting: Interpreter, by_hand: str
) -> list[str]:
    found = notes(policy, facts)
    if acting.files.info(Path("/var/lib/cloud")) is not None:
        found.append("cloud-init has been here; its own traces are removed by: cloud-init clean --logs")
    if by_hand:
        found.append(f"first end what runs here and is no service: {by_hand}.")
    return found


def _told(outcome: Outcome) -> None:
    """Say how a part ended, where somebody still listens."""
    with suppress(OSError):
        say_outcome(outcome)


def _agreed(ask: Callable[[str], str] | None) -> bool:
    if ask is None:
        raise ConfigurationError(
            "there is no terminal to ask on: add --force to do it, or --dry-run to see what would be done"
        )
    try:
        return ask(QUESTION).strip().lower().startswith("y")
    except KeyboardInterrupt:
        say()
        say("Nothing was done.")
        raise


def _ask(question: str) -> str:
    sys.stdout.write(plain(question))
    sys.stdout.flush()
    return sys.stdin.readline(100)
