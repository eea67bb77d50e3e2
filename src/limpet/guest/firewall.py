"""The firewall of a plain VM: only root may open TCP connections to the wire server; DNS there is open to all.

The rules that are wanted, by nftables or else by iptables, what was found, and what has to be done between them.
"""

from __future__ import annotations

import itertools
import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.guest.steps import Run, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

TABLE = "limpet"
"""The name of the nftables table (family ip), and the comment on rules of iptables."""
LIST_TABLE = ("nft", "-j", "list", "table", "ip", TABLE)
LIST_PASSTHROUGHS = ("firewall-cmd", "--permanent", "--direct", "--get-passthroughs", "ipv4")

_DNS = 53
_ROOT = 0
_SECONDS = 30.0
_ADVICE = "Install nftables (or iptables), or set firewall.enabled = false."
_LONG = {"--destination-port": "--dport", "--destination": "-d", "--protocol": "-p", "--jump": "-j"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What was found.

    nft: our table as `canonical_table` writes it; None where it is not there. iptables: our rules as iptables -S prints them.
    A problem says why that program cannot be used. wait: whether iptables knows -w. passthroughs: our permanent rules in
    firewalld, which is asked only when it runs and iptables is used; None where it is not.
    """

    nft: tuple[str, ...] | None = None
    nft_problem: str | None = None
    iptables: tuple[str, ...] = ()
    iptables_problem: str | None = None
    wait: bool = True
    passthroughs: tuple[str, ...] | None = None

    @property
    def back_end(self) -> str | None:
        """What the rules are kept in: nft where it can be used, else iptables; None where neither can."""
        if self.nft_problem is None:
            return "nft"
        return "iptables" if self.iptables_problem is None else None


def script(endpoint: str) -> bytes:
    """What nft is given: our table is replaced whole, in one transaction. endpoint: the wire server's IPv4 address."""
    return f"""\
add table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
    chain output {{
        type filter hook output priority 0; policy accept;
        ip daddr {endpoint} tcp dport != {_DNS} meta skuid != {_ROOT} ct state invalid,new counter drop
    }}
}}
""".encode()


def wanted_table(endpoint: str) -> tuple[str, ...]:
    """Our table as `canonical_table` writes it."""
    return (
        "chain output: filter output 0 accept",
        f"output: ip daddr == {endpoint}, tcp dport != {_DNS}, meta skuid != {_ROOT}, ct state == invalid new, drop",
    )


def canonical_table(content: bytes) -> tuple[str, ...] | None:
    """A table that nft has listed as JSON, in lines that do not depend on nft's version; None for what is not a table.

    Counters and handles are left out. A statement that is not known is kept as it is: it makes the table another one.
    """
    try:
        objects = json.loads(content)["nftables"]
        return tuple(line for member in objects for line in _lines(member))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _lines(member: Mapping[str, Any]) -> Iterator[str]:
    if "chain" in member:
        chain = member["chain"]
        yield f"chain {chain['name']}: {chain.get('type')} {chain.get('hook')} {chain.get('prio')} {chain.get('policy')}"
    elif "rule" in member:
        rule = member["rule"]
        told = (_statement(statement) for statement in rule["expr"])
        yield f"{rule['chain']}: {', '.join(part for part in told if part)}"
    elif not member.keys() & {"metainfo", "table"}:
        yield json.dumps(member, sort_keys=True)


def _statement(statement: Mapping[str, Any]) -> str:
    match statement:
        case {"counter": _}:
            return ""
        case {"drop": _}:
            return "drop"
        case {
            "match": {"op": op, "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}
        }:
            return f"{protocol} {field} {op} {right}"
        case {"match": {"op": op, "left": {"meta": {"key": key}}, "right": right}}:
            return f"meta {key} {op} {_ROOT if right == 'root' else right}"
        case {"match": {"op": "in" | "==", "left": {"ct": {"key": key}}, "right": right}}:
            states = right["set"] if isinstance(right, dict) else right
            return f"ct {key} == {' '.join(sorted(states))}"
        case _:
            return json.dumps(statement, sort_keys=True)


def wanted_rules(endpoint: str) -> tuple[tuple[str, ...], ...]:
    """The arguments of each rule of iptables, in order."""
    to, mark = ("-d", f"{endpoint}/32", "-p", "tcp"), ("-m", "comment", "--comment", TABLE)
    return (
        (*to, "-m", "tcp", "--dport", str(_DNS), *mark, "-j", "ACCEPT"),
        (*to, "-m", "owner", "--uid-owner", str(_ROOT), *mark, "-j", "ACCEPT"),
        (*to, "-m", "conntrack", "--ctstate", "INVALID,NEW", *mark, "-j", "DROP"),
    )


def our_rules(listing: str) -> tuple[str, ...]:
    """Those lines of iptables -S, or of firewalld's passthroughs, that are ours: what follows the chain's name."""
    found = []
    for line in listing.splitlines():
        words = _words(line)
        if "OUTPUT" in words and ("--comment", TABLE) in itertools.pairwise(words):
            found.append(shlex.join(words[words.index("OUTPUT") + 1 :]))
    return tuple(found)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # an open quotation mark: not written by us
        return []


def _meaning(words: Iterable[str]) -> tuple[str, ...]:
    """A rule without what versions of iptables write differently: the modules' names, masks, the order of conditions."""
    conditions = []
    left = list(words)
    while left:
        word = left.pop(0)
        value = left.pop(0) if left and not left[0].startswith("-") else ""
        if word == "--ctstate":
            value = ",".join(sorted(value.split(",")))
        if word != "-m":
            conditions.append(f"{_LONG.get(word, word)} {value.removesuffix('/32')}".rstrip())
    return tuple(sorted(conditions))


def _same(found: Iterable[str], wanted: Iterable[Sequence[str]]) -> bool:
    return [_meaning(shlex.split(rule)) for rule in found] == [_meaning(rule) for rule in wanted]


def list_rules(*, wait: bool = True) -> tuple[str, ...]:
    """The command that lists the rules of iptables."""
    return ("iptables", *(("-w",) if wait else ()), "-t", "security", "-S", "OUTPUT")


def in_place(endpoint: str, facts: Facts) -> bool:
    """Whether everything is as it shall be."""
    return facts.back_end is not None and not plan(endpoint, facts).steps


def plan(endpoint: str, facts: Facts) -> Task:
    """Let only root talk to the wire server at this IPv4 address. What is partly there is taken away first."""
    steps: tuple[Run, ...] = ()
    problem = None
    if facts.back_end is None:
        problem = f"nft: {facts.nft_problem}; iptables: {facts.iptables_problem}"
    elif facts.back_end == "nft":
        if facts.nft != wanted_table(endpoint):
            steps = (Run(("nft", "-f", "-"), stdin=script(endpoint), timeout=_SECONDS),)
    else:
        steps = (*_iptables(wanted_rules(endpoint), facts), *_firewalld(wanted_rules(endpoint), facts))
    return Task(
        name="firewall",
        purpose=f"let only root talk to the wire server at {endpoint}",
        steps=steps,
        problem=problem,
        advice=_ADVICE,
        required=False,
    )


def removal(facts: Facts) -> Task:
    """Take our rules away, from wherever they are."""
    table = (
        Run(("nft", "delete", "table", "ip", TABLE), timeout=_SECONDS),
    ) if facts.nft is not None else ()  # fmt: skip
    return Task(
        name="firewall",
        purpose="take the rules for the wire server away",
        steps=(*table, *_iptables((), facts), *_firewalld((), facts)),
        required=False,
    )


def _iptables(wanted: Sequence[Sequence[str]], facts: Facts) -> tuple[Run, ...]:
    """From the rules that are there to those that shall be. The one that drops goes first and comes last."""
    if _same(facts.iptables, wanted):
        return ()
    program = ("iptables", *(("-w",) if facts.wait else ()), "-t", "security")
    first = sorted(facts.iptables, key=lambda rule: not rule.endswith("DROP"))
    old = ((*program, "-D", "OUTPUT", *shlex.split(rule)) for rule in first)
    new = ((*program, "-A", "OUTPUT", *rule) for rule in wanted)
    return tuple(Run(argv, timeout=_SECONDS) for argv in (*old, *new))


def _firewalld(wanted: Sequence[Sequence[str]], facts: Facts) -> tuple[Run, ...]:
    """What firewalld, which empties iptables' tables when it starts, must be told."""
    if facts.passthroughs is None or _same(facts.passthroughs, wanted):
        return ()
    direct = ("firewall-cmd", "--permanent", "--direct")
    rule = ("ipv4", "-t", "security", "-A", "OUTPUT")
    old = ((*direct, "--remove-passthrough", *rule, *shlex.split(text)) for text in facts.passthroughs)
    new = ((*direct, "--add-passthrough", *rule, *arguments) for arguments in wanted)
    return tuple(Run(argv, timeout=_SECONDS) for argv in (*old, *new))
