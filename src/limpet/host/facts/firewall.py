"""Which rules for the wire server this machine has, and what they can be kept in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.firewall import (
    LIST_PASSTHROUGHS,
    LIST_TABLE,
    Facts,
    canonical_table,
    list_rules,
    our_rules,
)

if TYPE_CHECKING:
    from limpet.host.ports import Commands, Completed, Files

FIREWALLD = Path("/run/firewalld.pid")
"""There while firewalld runs: asking firewall-cmd would start another interpreter."""

_NOT_INSTALLED = 127
_USAGE = 2
_SECONDS = 30.0
_LONGEST_COMPLAINT = 200


def look(commands: Commands, files: Files, *, nft: bool = True, everywhere: bool = False) -> Facts:
    """Ask nft, and iptables only where nft cannot be used.

    nft: False leaves it out, after it has failed. everywhere: ask both, as a removal must. Raises: HostError, when a
    program cannot be started.
    """
    table, problem = _nft(commands) if nft else (None, "it failed")
    if problem is None and not everywhere:
        return Facts(nft=table)
    rules, wait, rules_problem = _iptables(commands)
    facts = Facts(nft=table, nft_problem=problem, iptables=rules, iptables_problem=rules_problem, wait=wait)
    if rules_problem is None and files.info(FIREWALLD) is not None:
        return Facts(
            nft=table, nft_problem=problem, iptables=rules, wait=wait, passthroughs=_passthroughs(commands)
        )
    return facts


def _nft(commands: Commands) -> tuple[tuple[str, ...] | None, str | None]:
    """Our table, and why nft cannot be used."""
    done = commands.run(LIST_TABLE, timeout=_SECONDS)
    if done.exit_code == 0:
        table = canonical_table(done.stdout)
        return (table, None) if table is not None else ((), None)
    if done.exit_code != _NOT_INSTALLED and b"No such file or directory" in done.stderr:
        return None, None
    return None, _complaint(done)


def _iptables(commands: Commands) -> tuple[tuple[str, ...], bool, str | None]:
    """Our rules, whether -w is known, and why iptables cannot be used."""
    wait = True
    done = commands.run(list_rules(), timeout=_SECONDS)
    if done.exit_code == _USAGE and b"-w" in done.stderr:
        wait = False
        done = commands.run(list_rules(wait=False), timeout=_SECONDS)
    if done.exit_code != 0:
        return (), wait, _complaint(done)
    return our_rules(done.stdout.decode("utf-8", "replace")), wait, None


def _passthroughs(commands: Commands) -> tuple[str, ...] | None:
    done = commands.run(LIST_PASSTHROUGHS, timeout=_SECONDS)
    return our_rules(done.stdout.decode("utf-8", "replace")) if done.exit_code == 0 else None


def _complaint(done: Completed) -> str:
    if done.exit_code == _NOT_INSTALLED:
        return "not installed"
    if done.exit_code is None:
        return f"no end in {_SECONDS:g} s"
    said = done.stderr.decode("utf-8", "replace").split("\n", 1)[0].strip()
    return said[:_LONGEST_COMPLAINT] or f"it ended with {done.exit_code}"
