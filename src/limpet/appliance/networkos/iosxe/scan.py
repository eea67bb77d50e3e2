"""Reading lines of IOS configuration as the router does, as far as it is needed to see what a customer's lines touch.

Indentation means nothing to IOS: a line belongs to the interface named last, until a command that cannot stand below an interface.
The text of a banner is no configuration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.appliance.networkos.iosxe.names import interface_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.model.secret import Secret

_LONGEST = 256
# What is longer IOS cuts.
_ENTERS = re.compile(
    r"int(?:e(?:r(?:f(?:a(?:ce?)?)?)?)?)? +(?!range\b)(.+?)(?: +(?:type|point-to-point|multipoint)\b.*)?\Z"
)
_BANNER = re.compile(r"banner +(?:motd|login|exec|incoming|slip-ppp|prompt-timeout) +", re.IGNORECASE)
_GLOBAL = re.compile(
    r"(?:no +)?(?:aaa|access-list|app-hosting|banner|class-map|control-plane|crypto|enable|end|event|exit|hostname|iox|"
    r"ip +(?:access-list|domain|http|local|name-server|nat +(?:inside +source|pool)|prefix-list|route|ssh)|"
    r"license|line|logging|ntp|object-group|policy-map|redundancy|route-map|router|snmp-server|track|username|vrf +definition)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigurationLine:
    """One line of IOS configuration, as it came, without its end."""

    number: int
    text: Secret[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanned:
    """One command, in small letters with single blanks. interface: the full name of the one it stands below, or names itself."""

    number: int
    command: str
    interface: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """open_banner: the number of the line whose banner does not end."""

    commands: tuple[Scanned, ...]
    open_banner: int | None = None


def scan(lines: tuple[ConfigurationLine, ...]) -> Scan:
    """All commands of a customer's configuration, without comments and banners."""
    commands = list(_commands(lines))
    opened = commands[-1] if commands and commands[-1].command == "" else None
    return Scan(
        commands=tuple(each for each in commands if each.command),
        open_banner=opened.number if opened else None,
    )


def _commands(lines: tuple[ConfigurationLine, ...]) -> Iterator[Scanned]:
    """A command without words at the end stands for a banner that does not end."""
    interface, delimiter, begun = None, "", 0
    for line in lines:
        text = line.text.reveal()[:_LONGEST]
        if delimiter:
            if delimiter in text:
                delimiter = ""
            continue
        banner = _BANNER.match(text.strip())
        if banner:
            interface, rest = None, text.strip()[banner.end() :]
            delimiter = "^C" if rest.startswith("^C") else rest[:1]
            if delimiter and delimiter in rest[len(delimiter) :]:
                delimiter = ""
            begun = line.number
            continue
        command = " ".join(text.lower().split())
        if not command or command.startswith("!"):
            continue
        entered = _ENTERS.match(command)
        if entered:
            interface = interface_of(entered[1])
        elif _GLOBAL.match(command):
            interface = None
        yield Scanned(number=line.number, command=command, interface=interface)
    if delimiter:
        yield Scanned(number=begun, command="", interface=None)
