"""ip, nft, sysctl and nsenter on a fake machine with network namespaces: what drivers of network operating systems use.

`install(network, commands)` makes them available. What they do not know they refuse, as the real ones do.
"""

from __future__ import annotations

import fnmatch
import json
import re
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING, Any

from limpet.guest.namespaces import HOST
from limpet.host.fake_commands import Call, Said
from limpet.host.fake_network import EXISTS, MAIN, FakeNamespace, FakeRoute, FakeRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.host.fake_commands import FakeCommands
    from limpet.host.fake_files import FakeFiles
    from limpet.host.fake_network import FakeLink, FakeNetwork

_TABLE = re.compile(r"^(add table|delete table|table) ip (\w+)( \{\n(.*?)^\})?$", re.DOTALL | re.MULTILINE)
_LONGEST_NAME = 15
_PROTOCOLS = {"16": "dhcp"}


def install(network: FakeNetwork, commands: FakeCommands) -> Programs:
    """Let a fake machine have these programs."""
    programs = Programs(network, commands)
    commands.programs.update(
        {"ip": programs.ip, "nft": programs.nft, "sysctl": programs.sysctl, "nsenter": programs.nsenter}
    )
    return programs


class Programs:
    """They share where they run. place: the namespace of the program that runs now."""

    def __init__(self, network: FakeNetwork, commands: FakeCommands) -> None:
        self.network = network
        self.place = HOST
        self._said: list[str] = []
        self._commands = commands

    @property
    def here(self) -> FakeNamespace:
        """The namespace of the program that runs now."""
        return self.network.namespaces[self.place]

    @contextmanager
    def _in(self, place: str) -> Iterator[None]:
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before

    def nsenter(self, files: FakeFiles, call: Call) -> Said:
        """Run a program in another namespace."""
        name = call.argv[1].rpartition("/")[2]
        if name not in self.network.namespaces:
            return Said(
                exit_code=1, stderr=f"nsenter: cannot open /run/netns/{name}: No such file or directory"
            )
        inner = Call(argv=call.argv[3:], stdin=call.stdin, timeout=call.timeout)
        program = self._commands.programs.get(inner.argv[0].rpartition("/")[2])
        if program is None:
            return Said(
                exit_code=127,
                stderr=f"nsenter: failed to execute {inner.argv[0]}: No such file or directory",
            )
        with self._in(name):
            return program(files, inner)

    def sysctl(self, files: FakeFiles, call: Call) -> Said:
        """Show or set settings of the kernel's network."""
        del files
        words = list(call.argv[1:])
        if words[:1] == ["-n"]:
            said, missing = [], False
            for key in words[1:]:
                value = self._setting(key)
                missing = missing or value is None
                said += [] if value is None else [f"{value}\n"]
            return Said("".join(said), exit_code=255 if missing else 0)
        for word in words:
            key, equals, value = word.partition("=")
            if equals:
                self.here.settings[key] = value
        return Said()

    def _setting(self, key: str) -> str | None:
        words = key.split(".")
        if words[:3] == ["net", "ipv4", "conf"] and words[4:] == ["forwarding"]:
            if self.here.named(words[3]) is None:
                return None
            return self.here.settings.get(key, self.here.settings.get("net.ipv4.ip_forward", "0"))
        return self.here.settings.get(key, "0")

    def nft(self, files: FakeFiles, call: Call) -> Said:
        """Replace tables in one transaction; list and delete one."""
        del files
        match call.argv[1:]:
            case ("-f", "-"):
                return self._transaction(call.stdin.decode())
            case ("-s", "list", "ruleset"):
                tables = self.here.tables.items()
                return Said("".join(f"table ip {name} {{\n{body}}}\n" for name, body in tables))
            case ("-s", "list", "table", "ip", name) if name in self.here.tables:
                return Said(f"table ip {name} {{\n{self.here.tables[name]}}}\n")
            case ("delete", "table", "ip", name) if name in self.here.tables:
                del self.here.tables[name]
                return Said()
            case ("-s", "list", "table", "ip", _) | ("delete", "table", "ip", _):
                return Said(exit_code=1, stderr="Error: No such file or directory")
        return Said(exit_code=1, stderr="Error: syntax error")

    def _transaction(self, script: str) -> Said:
        tables = dict(self.here.tables)
        if _TABLE.sub("", script).strip():
            return Said(exit_code=1, stderr="Error: syntax error")
        for verb, name, _, body in _TABLE.findall(script):
            if verb == "add table":
                tables.setdefault(name, "")
            elif verb == "delete table":
                if name not in tables:
                    return Said(exit_code=1, stderr="Error: No such file or directory")
                del tables[name]
            else:
                tables[name] = tables.get(name, "") + body
        self.here.tables = tables
        return Said()

    def ip(self, files: FakeFiles, call: Call) -> Said:
        """One command, or lines of a batch."""
        words = list(call.argv[1:])
        place, force, lines = self.place, False, None
        while words and words[0].startswith("-"):
            option = words.pop(0)
            if option == "-netns":
                place = words.pop(0)
            elif option == "-batch":
                words.pop(0)
                lines = call.stdin.decode().splitlines()
            force = force or option == "-force"
        if place not in self.network.namespaces:
            return Said(
                exit_code=1, stderr=f'Cannot open network namespace "{place}": No such file or directory'
            )
        with self._in(place):
            if words[:2] == ["address", "show"]:
                return Said(json.dumps([_shown(link) for link in self.here.links]))
            self._said = []
            if lines is None:
                problem = self._line(words)
                return Said(exit_code=1, stderr=problem) if problem else Said("".join(self._said))
            return self._batch(files, lines, force=force)

    def _way(self, address: IPv4Address) -> str | None:
        fitting = [each for each in self.here.routes if each.table == MAIN and address in each.destination]
        if not fitting:
            return "RTNETLINK answers: Network is unreachable"
        best = max(fitting, key=lambda each: (each.destination.prefixlen, -each.metric))
        self._said.append(f"{address} via {best.gateway} dev {best.device} src 0.0.0.0 uid 0 \n    cache \n")
        return None

    def _batch(self, files: FakeFiles, lines: list[str], *, force: bool) -> Said:
        complaints = []
        for number, line in enumerate(lines, 1):
            if not line.startswith("route get "):
                files.before()  # the kernel does each line whole
            problem = self._line(line.split())
            if problem:
                complaints.append(f"{problem}\nCommand failed -:{number}")
                if not force:
                    break
        return Said("".join(self._said), exit_code=1 if complaints else 0, stderr="\n".join(complaints))

    def _line(self, words: list[str]) -> str | None:  # noqa: C901 - one case for each command
        broken = self.network.broken.get(words[0])
        problem = broken(tuple(words)) if broken is not None else None
        if problem is not None:
            return problem
        match words:
            case ["netns", "add", name]:
                return self._add_namespace(name)
            case ["netns", "delete", name]:
                if name not in self.network.namespaces:
                    return f'Cannot remove namespace file "/run/netns/{name}": No such file or directory'
                self.network.delete_namespace(name)
                return None
            case ["link", "add", "name", name, "type", "veth", "peer", "name", peer, "netns", other]:
                return self.network.add_veth(name, self.place, peer, other)
            case ["link", "delete", "dev", name]:
                return self.network.delete_link(name, self.place)
            case ["link", "set", "dev", "lo", "up"]:
                return None
            case ["link", "set", "dev", name, *rest]:
                return self._set_link(name, rest)
            case ["address", verb, *rest]:
                return self._address(verb, rest)
            case ["rule", verb, *rest]:
                return self._rule(verb, rest)
            case ["route", "get", address]:
                return self._way(IPv4Address(address))
            case ["route", verb, *rest]:
                return self._route(verb, rest)
        return f'Object "{words[0]}" is unknown, try "ip help".'

    def _add_namespace(self, name: str) -> str | None:
        if name in self.network.namespaces:
            return f'Cannot create namespace file "/run/netns/{name}": File exists'
        self.network.namespaces[name] = FakeNamespace()
        self.network.show()
        return None

    def _set_link(self, name: str, words: list[str]) -> str | None:
        link = self.here.named(name)
        if link is None:
            return f'Cannot find device "{name}"'
        wanted = dict(zip(words[::2], words[1::2], strict=False))
        if "netns" in wanted:
            target = HOST if wanted["netns"] == "1" else wanted["netns"]
            return self.network.move(name, self.place, target, wanted.get("name"))
        if "name" in wanted:
            taken = self.here.named(wanted["name"])
            if taken is not None and taken is not link:
                return EXISTS
            link.name = wanted["name"]
        if "group" in wanted:
            link.group = 0 if wanted["group"] == "default" else int(wanted["group"])
        if words[-1] in {"up", "down"}:
            self.network.set_up(self.place, link, words[-1] == "up")
        self.network.show()
        return None

    def _address(self, verb: str, words: list[str]) -> str | None:
        wanted = _pairs(words if verb == "flush" else words[1:])
        link = self.here.named(wanted.get("dev", ""))
        if link is None:
            return f'Cannot find device "{wanted.get("dev")}"'
        if verb == "flush":
            pattern = wanted.get("label", "*")
            self.network.drop_addresses(
                self.place, link, lambda _, label: fnmatch.fnmatchcase(label, pattern)
            )
            return None
        address = IPv4Interface(words[0])
        there = any(each == address for each, _ in link.addresses)
        if verb == "delete":
            if not there:
                return "RTNETLINK answers: Cannot assign requested address"
            self.network.drop_addresses(self.place, link, lambda each, _: each == address)
            return None
        if there:
            return EXISTS if verb == "add" else None
        label = wanted.get("label", link.name)
        if len(label) > _LONGEST_NAME:
            return f'Error: argument "{label}" is wrong: label'
        self.network.add_address(self.place, link, address, label)
        return None

    def _rule(self, verb: str, words: list[str]) -> str | None:
        wanted = _pairs(words)
        table = wanted.get("lookup", wanted.get("table"))
        number = None if table is None else MAIN if table == "main" else int(table)
        if verb == "flush":
            priority = wanted.get("pref")
            self.here.rules = [
                rule
                for rule in self.here.rules
                if (number is not None and rule.table != number)
                or (priority is not None and rule.priority != int(priority))
            ]
            return None
        if verb != "add" or number is None:
            return f'Command "{verb}" is unknown, try "ip rule help".'
        rule = FakeRule(
            priority=int(wanted["pref"]),
            table=number,
            source=IPv4Network(wanted["from"]) if "from" in wanted else None,
            destination=IPv4Network(wanted["to"]) if "to" in wanted else None,
        )
        if rule in self.here.rules:
            return EXISTS
        self.here.rules.append(rule)
        return None

    def _route(self, verb: str, words: list[str]) -> str | None:
        wanted = _pairs(words if verb == "flush" else words[1:])
        name = wanted.get("dev", "")
        link = self.here.named(name)
        if link is None:
            return f'Cannot find device "{name}"'
        protocol = _PROTOCOLS.get(wanted.get("proto", ""), wanted.get("proto", "boot"))
        if verb == "flush":
            self.here.routes = [
                each
                for each in self.here.routes
                if each.device != link.name or ("proto" in wanted and each.protocol != protocol)
            ]
            self.network.show()
            return None
        if not link.up:
            return "Error: Device for nexthop is not up."
        table = wanted.get("table", "main")
        route = FakeRoute(
            destination=IPv4Network("0.0.0.0/0" if words[0] == "default" else words[0]),
            device=link.name,
            gateway=IPv4Address(wanted["via"]) if "via" in wanted else None,
            table=MAIN if table == "main" else int(table),
            protocol=protocol,
            metric=int(wanted.get("metric", "0")),
        )
        return self._put_route(verb, route, link, onlink="onlink" in words)

    def _put_route(self, verb: str, route: FakeRoute, link: FakeLink, *, onlink: bool) -> str | None:
        near = any(route.gateway in address.network for address, _ in link.addresses if route.gateway)
        if route.gateway is not None and not near and not onlink:
            return "Error: Nexthop has invalid gateway."
        same = [each for each in self.here.routes if _key(each) == _key(route)]
        if same and verb == "add":
            return EXISTS
        self.here.routes = [each for each in self.here.routes if each not in same] + [route]
        self.network.show()
        return None


def _key(route: FakeRoute) -> tuple[object, ...]:
    return route.destination, route.table, route.metric


def _pairs(words: list[str]) -> dict[str, str]:
    """Words that come in pairs; `scope link` and `onlink` mean nothing here."""
    left = [word for word in words if word != "onlink"]
    return dict(zip(left[::2], left[1::2], strict=False))


def _shown(link: FakeLink) -> dict[str, Any]:
    flags = ["BROADCAST", "MULTICAST"]
    flags += ["UP", "LOWER_UP"] if link.up else []
    flags += ["SLAVE"] if link.vf else []
    return {
        "ifindex": link.index,
        "ifname": link.name,
        "flags": flags,
        "mtu": link.mtu,
        "link_type": "ether",
        "address": link.mac,
        **({"altnames": link.altnames} if link.altnames else {}),
        **({"linkinfo": {"info_kind": link.kind}} if link.kind else {}),
        **({"parentdev": link.device} if link.device else {}),
        "addr_info": [
            {
                "family": "inet",
                "local": str(address.ip),
                "prefixlen": address.network.prefixlen,
                "label": label,
            }
            for address, label in link.addresses
        ],
    }
