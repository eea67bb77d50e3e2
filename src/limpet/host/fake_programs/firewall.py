"""nft, iptables and firewall-cmd on a fake machine, as far as the rules for the wire server need them.

What the kernel holds is in files, so that a test can put rules there and look at them: TABLES has one file for each table of
nftables (family ip), as nft writes it; CHAIN has the rules of iptables' security OUTPUT, as -S prints them; PASSTHROUGHS are
firewalld's. A file `nft` or `iptables` in BROKEN makes that program fail with the file's content as its complaint.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

TABLES = Path("/proc/fake/nftables")
CHAIN = Path("/proc/fake/iptables-security-output")
PASSTHROUGHS = Path("/proc/fake/firewalld-passthroughs")
BROKEN = Path("/proc/fake/broken")

_LIMIT = 64 * 1024
_TABLE = re.compile(r"table ip (\w+) \{\n(.*?)\n\}", re.DOTALL)
_CHAIN = re.compile(r"chain (\w+) \{\s*type (\w+) hook (\w+) priority (\w+); policy (\w+);(.*?)\}", re.DOTALL)
_MATCH = re.compile(r"(ip|tcp|meta|ct) (\w+) (!= )?([\w.,]+)")


def nft(files: FakeFiles, call: Call) -> Said:
    """List, delete, and replace tables."""
    if (complaint := _text(files, BROKEN / "nft")) is not None:
        return Said(exit_code=1, stderr=complaint)
    match call.argv[1:]:
        case ("-j", "list", "table", "ip", name):
            body = _text(files, TABLES / name)
            return _missing(call) if body is None else Said(json.dumps({"nftables": _objects(name, body)}))
        case ("delete", "table", "ip", name):
            if files.info(TABLES / name) is None:
                return _missing(call)
            files.remove(TABLES / name)
            return Said()
        case ("-f", "-"):
            for name, body in _TABLE.findall(call.stdin.decode()):
                files.make_folder(TABLES)
                files.replace(TABLES / name, body.encode())
            return Said()
    return Said(exit_code=1, stderr="Error: syntax error")


def _missing(call: Call) -> Said:
    return Said(exit_code=1, stderr=f"Error: No such file or directory\n{' '.join(call.argv[1:])}\n")


def _objects(table: str, body: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"metainfo": {"json_schema_version": 1}}]
    found.append({"table": {"family": "ip", "name": table, "handle": 2}})
    for name, kind, hook, priority, policy, rules in _CHAIN.findall(body):
        chain = {"family": "ip", "table": table, "name": name, "handle": 1, "type": kind, "hook": hook}
        found.append({"chain": {**chain, "prio": int(priority), "policy": policy}})
        for rule in filter(None, map(str.strip, rules.split("\n"))):
            place = {"family": "ip", "table": table, "chain": name, "handle": 3}
            found.append({"rule": {**place, "expr": _statements(rule)}})
    return found


def _statements(rule: str) -> list[dict[str, Any]]:
    found = [_match(*parts) for parts in _MATCH.findall(rule)]
    if "counter" in rule:
        found.append({"counter": {"packets": 7, "bytes": 420}})
    return [*found, {rule.rsplit(maxsplit=1)[-1]: None}]


def _match(area: str, field: str, negated: str, value: str) -> dict[str, Any]:
    right: object = int(value) if value.isdigit() else value.split(",") if "," in value else value
    left = {"key": field} if area in {"meta", "ct"} else {"protocol": area, "field": field}
    operator = "!=" if negated else "in" if area == "ct" else "=="
    return {
        "match": {
            "op": operator,
            "left": {area if area in {"meta", "ct"} else "payload": left},
            "right": right,
        }
    }


def iptables(files: FakeFiles, call: Call) -> Said:
    """List, append and delete rules of the chain OUTPUT in the table security."""
    arguments = [word for word in call.argv[1:] if word != "-w"]
    if (complaint := _text(files, BROKEN / "iptables")) is not None:
        unknown = "-w" in complaint
        if not unknown or "-w" in call.argv:
            return Said(exit_code=2 if unknown else 3, stderr=complaint)
    rules = (_text(files, CHAIN) or "").splitlines()
    match arguments:
        case ["-t", "security", "-S", "OUTPUT"]:
            return Said("\n".join(["-P OUTPUT ACCEPT", *rules]) + "\n")
        case ["-t", "security", "-A", "OUTPUT", *rule]:
            rules.append(shlex.join(["-A", "OUTPUT", *rule]))
        case ["-t", "security", "-D", "OUTPUT", *rule]:
            line = shlex.join(["-A", "OUTPUT", *rule])
            if line not in rules:
                return Said(
                    exit_code=1, stderr="iptables: Bad rule (does a matching rule exist in that chain?)."
                )
            rules.remove(line)
        case _:
            return Said(exit_code=2, stderr="iptables: bad argument")
    return _keep(files, CHAIN, rules)


def firewall_cmd(files: FakeFiles, call: Call) -> Said:
    """List, add and remove permanent passthroughs."""
    rules = (_text(files, PASSTHROUGHS) or "").splitlines()
    match call.argv[1:]:
        case ("--permanent", "--direct", "--get-passthroughs", "ipv4"):
            return Said("\n".join(rules) + "\n")
        case ("--permanent", "--direct", "--add-passthrough", "ipv4", *rule):
            rules.append(shlex.join(rule))
        case ("--permanent", "--direct", "--remove-passthrough", "ipv4", *rule) if shlex.join(rule) in rules:
            rules.remove(shlex.join(rule))
        case _:
            return Said(exit_code=2, stderr="Error: bad argument")
    return _keep(files, PASSTHROUGHS, rules)


def _keep(files: FakeFiles, path: Path, rules: list[str]) -> Said:
    if rules:
        files.make_folder(path.parent)
        files.replace(path, "\n".join([*rules, ""]).encode())
    else:
        files.remove(path)
    return Said()


def _text(files: FakeFiles, path: Path) -> str | None:
    return files.read(path, at_most=_LIMIT).decode() if files.info(path) is not None else None


PROGRAMS = {"nft": nft, "iptables": iptables, "firewall-cmd": firewall_cmd}
