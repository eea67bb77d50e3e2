"""`limpet install`: the services, their names, and what goes with them, on this machine or in an image's tree."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.config.settings import Config
from limpet.guest.persistent_names import plan_return
from limpet.host.facts import persistent_names
from limpet.manage.acting import interpreter, require_root
from limpet.manage.install.lean_start import LAUNCHER, PACKED, lean_start
from limpet.manage.install.plan import InstallFacts, look, plan_install, plan_uninstall
from limpet.manage.install.shared_files import shared_files
from limpet.manage.install.units import ALIASES, SUPERVISED, UNIT_FOLDER, VM, Role
from limpet.manage.telling import ended, planned, say, say_json, say_outcome, say_plan
from limpet.model.errors import ConfigurationError
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from limpet.guest.steps import Task
    from limpet.host.apply import Interpreter
    from limpet.host.ports import Files
    from limpet.manage.reference.commands_tree import Verb

EPILOG = """\
examples:
  limpet install --dry-run
  limpet install
  limpet install --root /mnt/image --command /usr/bin/limpet
  limpet install --appliance --root /mnt/image

Files: units in /etc/systemd/system, what they start in /usr/local/lib/limpet, names of NICs in /etc/systemd/network, rules in
/etc/udev/rules.d, /etc/logrotate.d/limpet, the manual page and completion below /usr/local/share, and /etc/limpet.toml where there
is none. /etc/waagent.conf stays and is honoured. Run it again after an update of limpet: starts are quick then. With --root or --command
the units start the command itself.
The names walinuxagent.service and waagent.service become links to this agent's unit, which takes another agent's unit
out of the way. limpet uninstall takes all of it back.

exit codes: 0 done, or nothing to be done; 1 failed; 2 wrong usage
"""
UNINSTALL_EPILOG = """\
examples:
  limpet uninstall --dry-run
  limpet uninstall --root /mnt/image

What the agent keeps in /var/lib/waagent and /var/lib/limpet stays; limpet deprovision removes it.

exit codes: 0 done, or nothing to be done; 1 failed; 2 wrong usage
"""
_PLACES = ("usr/bin/limpet", "usr/local/bin/limpet", "opt/limpet/bin/limpet")


def parser() -> argparse.ArgumentParser:
    """The command line of `limpet install`."""
    made = _parser(
        "limpet install",
        "Set up limpet's services: provisioning before the network, the agent, and the firewall. Here they are started too.",
        EPILOG,
    )
    made.add_argument(
        "--no-enable", action="store_true", help="put the files in place; enable and start nothing"
    )
    made.add_argument(
        "--appliance",
        action="store_true",
        help="the supervisor of a network appliance instead of the services of a plain VM; it begins with the next start",
    )
    made.add_argument(
        "--command",
        type=Path,
        metavar="PATH",
        help="where limpet is in that tree (default: where this one is)",
    )
    return made


def uninstall_parser() -> argparse.ArgumentParser:
    """The command line of `limpet uninstall`."""
    return _parser(
        "limpet uninstall", "Take out again what limpet install has put in place.", UNINSTALL_EPILOG
    )


def _parser(name: str, purpose: str, epilog: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog=name, description=purpose, epilog=epilog, formatter_class=Help)
    made.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="the tree of an image instead of this machine",
    )
    made.add_argument("--dry-run", action="store_true", help="say what would be done; do nothing")
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def main(arguments: Sequence[str], verbs: Mapping[str, Verb]) -> int:
    """Install. Raises: ConfigurationError, HostError."""
    options = parser().parse_args(arguments)
    require_root(options)
    return install(options, interpreter(), verbs)


def install(options: argparse.Namespace, acting: Interpreter, verbs: Mapping[str, Verb]) -> int:
    """The command on any machine. Raises: ConfigurationError, HostError."""
    root = checked_root(options.root, acting.files)
    role = SUPERVISED if options.appliance else VM
    command = command_in(root, options.command, acting.files)
    # In another tree, or for a command that somebody names, nobody knows by which interpreter it is to run.
    lean = lean_start(acting.commands) if root == Path("/") and options.command is None else {}
    wanted = {**everything(f"/{LAUNCHER}" if LAUNCHER in lean else command, verbs, role), **lean}
    facts = look(acting.files, acting.commands, root, wanted)
    code = carry_out(plan_install(wanted, facts, enable=not options.no_enable, role=role), options, acting)
    if not options.json and not options.no_enable and not options.dry_run and code == 0:
        _explain(facts, acting.files, role)
    return code


def uninstall(options: argparse.Namespace, acting: Interpreter, verbs: Mapping[str, Verb]) -> int:
    """The opposite. Raises: ConfigurationError, HostError."""
    root = checked_root(options.root, acting.files)
    wanted = {**everything("", verbs), LAUNCHER: b"", PACKED: b""}
    facts = look(acting.files, acting.commands, root, wanted)
    tasks = plan_uninstall(wanted, facts, _own_command(root, acting.files))
    code = carry_out([*tasks, *_names_back(root, acting.files)], options, acting)
    if not options.json and not options.dry_run and (left := _peers(facts, acting.files)):
        say(
            f"{', '.join(left)} has its name back. Start it, or reboot, if that agent is to serve this VM again."
        )
    return code


def _names_back(root: Path, files: Files) -> list[Task]:
    """The persistent names of NICs that udev had, which the boot stage has moved out of the way; in an image's tree nobody has."""
    if root != Path("/"):
        return []
    library = Config().library
    task = plan_return(persistent_names.look(files, library), library)
    return [task] if task.steps else []


def everything(command: str, verbs: Mapping[str, Verb], role: Role = VM) -> Mapping[str, bytes]:
    """Every file, by its path below the root."""
    return {**role.files(command), **shared_files(verbs)}


def carry_out(tasks: Sequence[Task], options: argparse.Namespace, acting: Interpreter) -> int:
    """Show or apply a plan; gives the exit code."""
    if options.dry_run:
        if options.json:
            say_json({"plan": planned(tasks)})
        elif tasks:
            say("Nothing is done; without --dry-run:")
            say_plan(tasks)
        else:
            say("There is nothing to be done.")
        return 1 if any(task.problem is not None for task in tasks) else 0
    outcomes = acting.apply(tasks, *(() if options.json else (say_outcome,)))
    if options.json:
        say_json({"outcomes": ended(outcomes)})
    elif not outcomes:
        say("There is nothing to be done.")
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def checked_root(root: Path, files: Files) -> Path:
    """The tree. Raises: ConfigurationError, when it is none."""
    root = Path(os.path.abspath(root))  # noqa: PTH100 - links stay as they are
    if root == Path("/"):
        return root
    for name in ("etc", "usr"):
        info = files.info(root / name)
        if info is None or not info.is_folder:
            raise ConfigurationError(
                f"--root {root}: this is not the tree of a system, it has no folder {name}"
            )
    return root


def _own_command(root: Path, files: Files) -> str | None:
    try:
        return command_in(root, None, files)
    except ConfigurationError:
        return None


def command_in(root: Path, given: Path | None, files: Files) -> str:
    """Where limpet is, as seen from inside the tree. Raises: ConfigurationError, when it is not there."""
    if given is not None:
        if not given.is_absolute():
            raise ConfigurationError(f"--command {given}: an absolute path, as it is inside the tree")
        if files.info(root / str(given).lstrip("/")) is None:
            raise ConfigurationError(f"--command {given}: there is no such file in {root}")
        return str(given)
    running = os.path.abspath(sys.argv[0])  # noqa: PTH100 - a link to it is what is on the PATH
    if root == Path("/") and running.endswith("/limpet") and os.access(running, os.X_OK):
        return running
    for place in _PLACES:
        if files.info(root / place) is not None:
            return f"/{place}"
    raise ConfigurationError(
        f"limpet is at none of {', '.join(f'/{place}' for place in _PLACES)} in {root}: say where with --command"
    )


def _explain(facts: InstallFacts, files: Files, role: Role) -> None:
    if hidden := _peers(facts, files):
        say(
            f"{', '.join(hidden)} is now this agent's name, and the other agent does not start. Whoever removes its package stops"
            " the service of this name: run limpet install again then. limpet uninstall gives the name back."
        )
    if not facts.running or role.starts == ():
        say("The services start with the next boot of this tree.")


def _peers(facts: InstallFacts, files: Files) -> list[str]:
    """Units of another agent that are there."""
    folders = ("lib/systemd/system", "usr/lib/systemd/system")
    return [
        unit
        for unit in ALIASES
        if any(files.info(facts.root / folder / unit) is not None for folder in folders)
        if f"{UNIT_FOLDER}/{unit}" in facts.links
    ]
