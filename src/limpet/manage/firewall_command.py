"""`limpet firewall`: the rules that let only root talk to the wire server. limpet-firewall.service applies them early in each boot."""

from __future__ import annotations

import argparse
import json
import sys
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from limpet.config.load import load_config
from limpet.config.options import add_options
from limpet.guest.firewall import in_place, plan, removal
from limpet.host.facts.firewall import look
from limpet.host.facts.leases import saved_wire_server
from limpet.host.firewall import remove, settle
from limpet.manage.acting import interpreter
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import ConfigurationError
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.config.settings import Config
    from limpet.guest.firewall import Facts
    from limpet.guest.steps import Outcome, Task
    from limpet.host.apply import Interpreter
    from limpet.host.ports import Files

EPILOG = """\
examples:
  limpet firewall show
  limpet firewall apply --dry-run
  limpet firewall apply --endpoint 168.63.129.16 --json
  limpet firewall remove

exit codes: 0 done, or in place; 1 failed, or `show` finds them not in place; 2 wrong usage or configuration
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet firewall",
        description="Let only root open TCP connections to the wire server (DNS stays open to all), by nftables or else by"
        " iptables; take these rules away; or show them. Nobody else's rules are touched.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("action", choices=("apply", "remove", "show"), help="what to do")
    made.add_argument(
        "--endpoint",
        metavar="ADDRESS",
        help="the wire server; otherwise fabric.endpoint, the saved lease, or the well-known address",
    )
    made.add_argument("--dry-run", action="store_true", help="say what would be run; change nothing")
    made.add_argument("--json", action="store_true", help="for programs")
    add_options(made)
    return made


def main(arguments: Sequence[str]) -> int:
    """Do what was asked for. Raises: ConfigurationError; HostError, when a program cannot be started."""
    options = parser().parse_args(arguments)
    acting = interpreter()
    config = load_config(acting.files, path=options.config, options=options.set)
    return run(options, config, acting)


def run(options: argparse.Namespace, config: Config, acting: Interpreter) -> int:
    """The command on any machine. Raises: ConfigurationError, HostError."""
    address = endpoint(options.endpoint or config.fabric_endpoint, acting.files)
    if options.action == "show":
        return _show(address, acting, as_json=options.json)
    if options.action == "apply" and not config.firewall:
        why = f"firewall.enabled is false ({config.origin('firewall.enabled')}): nothing is done"
        _say({"endpoint": address, "state": "disabled"}, why, as_json=options.json)
        return 0
    if options.dry_run:
        everywhere = options.action == "remove"
        facts = look(acting.commands, acting.files, everywhere=everywhere)
        return _tell_plan(
            address, facts, removal(facts) if everywhere else plan(address, facts), options.json
        )
    facts, outcome = remove(acting) if options.action == "remove" else settle(address, acting)
    return _tell_outcome(address, facts, outcome, options.json)


def endpoint(given: str | None, files: Files) -> str:
    """The wire server's IPv4 address: the one given, else the saved lease's, else the well-known one.

    Raises: ConfigurationError, when the one given is none.
    """
    if given is not None:
        try:
            return str(IPv4Address(given))
        except ValueError:
            raise ConfigurationError(f"{given!r} is not an IPv4 address: the rules need one") from None
    return saved_wire_server(files) or str(WIRE_SERVER)


def _show(address: str, acting: Interpreter, *, as_json: bool) -> int:
    facts = look(acting.commands, acting.files, everywhere=True)
    good = in_place(address, facts)
    document = {
        "endpoint": address,
        "back_end": facts.back_end,
        "in_place": good,
        "nft": facts.nft,
        "nft_problem": facts.nft_problem,
        "iptables": facts.iptables,
        "iptables_problem": facts.iptables_problem,
        "firewalld": facts.passthroughs,
    }
    lines = [
        f"wire server  {address}",
        f"kept in      {facts.back_end or 'nothing: neither nft nor iptables can be used'}",
        f"state        {'in place' if good else 'not in place'}",
    ]
    for program, found, problem in (
        ("nft", facts.nft or (), facts.nft_problem),
        ("iptables", facts.iptables, facts.iptables_problem),
    ):
        lines += [f"{program:<12} {line}" for line in found or (problem or "no rules of ours",)]
    _say(document, "\n".join(lines), as_json=as_json)
    return 0 if good else 1


def _tell_plan(address: str, facts: Facts, task: Task, as_json: bool) -> int:
    steps = [step.describe() for step in task.steps]
    document = {"endpoint": address, "back_end": facts.back_end, "steps": steps, "problem": task.problem}
    if task.problem is not None:
        lines = [f"firewall: cannot {task.purpose}: {task.problem}. {task.advice}"]
    else:
        lines = [f"firewall: {step}" for step in steps] or ["firewall: nothing to do"]
    _say(document, "\n".join(lines), as_json=as_json)
    return 1 if task.problem is not None else 0


def _tell_outcome(address: str, facts: Facts, outcome: Outcome, as_json: bool) -> int:
    document = {
        "endpoint": address,
        "back_end": facts.back_end,
        "state": outcome.state,
        "steps": [step.describe() for step in outcome.task.steps],
        "failed_step": outcome.step,
        "problem": outcome.problem,
    }
    _say(document, outcome.describe(), as_json=as_json)
    return 1 if outcome.failed else 0


def _say(document: dict[str, Any], text: str, *, as_json: bool) -> None:
    sys.stdout.write((json.dumps(document, indent=2) if as_json else text) + "\n")
