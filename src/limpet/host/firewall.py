"""Sets and removes the rules for the wire server on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.firewall import plan, removal
from limpet.host.facts.firewall import look

if TYPE_CHECKING:
    from limpet.guest.firewall import Facts
    from limpet.guest.steps import Outcome
    from limpet.host.apply import Interpreter


def settle(endpoint: str, interpreter: Interpreter) -> tuple[Facts, Outcome]:
    """Let only root talk to the wire server: by nftables, or by iptables where nftables does not do it.

    endpoint: its IPv4 address. Gives what was found and how it ended. Raises: HostError, when a program cannot be started.
    """
    commands, files = interpreter.commands, interpreter.files
    facts = look(commands, files)
    outcome = interpreter.apply([plan(endpoint, facts)])[0]
    if outcome.failed and facts.back_end == "nft":
        other = look(commands, files, nft=False)
        if other.back_end is not None:
            return other, interpreter.apply([plan(endpoint, other)])[0]
    return facts, outcome


def remove(interpreter: Interpreter) -> tuple[Facts, Outcome]:
    """Take our rules away. Gives what was found and how it ended. Raises: HostError, when a program cannot be started."""
    facts = look(interpreter.commands, interpreter.files, everywhere=True)
    return facts, interpreter.apply([removal(facts)])[0]
