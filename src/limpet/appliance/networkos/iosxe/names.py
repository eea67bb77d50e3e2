"""Names as IOS XE takes them: nothing that comes from outside reaches a line of configuration without passing here.

A line of IOS has no quoting: a line's end ends the command, ``?`` asks for help, ``!`` begins a comment, and a control character
is a key of the console. So what may stand in a word is listed, and everything else is refused or left out.
"""

from __future__ import annotations

import re

from limpet.model.errors import MalformedDocument

LONGEST_HOST_NAME = 63
"""Source: network-appliance.md §1.4; the rules of ARPANET host names, as IOS has them."""

LONGEST_LINE = 254
"""Characters of a line that IOS takes; what is longer is cut without a word."""

LONGEST_USER_NAME = 64

_NOT_IN_A_LABEL = re.compile(r"[^A-Za-z0-9-]+")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z"
)
_USER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\Z")
_LONGEST_DOMAIN = 253
_INTERFACE = re.compile(r"([A-Za-z][A-Za-z-]*) *(\d{1,10}(?:/\d{1,4}){0,3}(?:\.\d{1,10})?)\Z")

_KINDS = (
    "GigabitEthernet",
    "TenGigabitEthernet",
    "TwentyFiveGigE",
    "FortyGigabitEthernet",
    "HundredGigE",
    "VirtualPortGroup",
    "Virtual-Template",
    "Tunnel",
    "Loopback",
    "Port-channel",
    "BDI",
    "Vlan",
    "Dialer",
    "Serial",
    "nve",
    "LISP",
)


def host_name_of(name: str) -> str:
    """The host name that IOS is given for the VM's: its first label, what IOS does not take as ``-``, and a letter in front.

    Raises: MalformedDocument, when nothing is left of it.
    """
    label = _NOT_IN_A_LABEL.sub("-", name.partition(".")[0]).strip("-")
    if not label:
        raise MalformedDocument(
            "host name", "it has no letter or digit of ASCII, which a host name of IOS is made of"
        )
    if not label[0].isalpha():
        label = f"vm-{label}"
    return label[:LONGEST_HOST_NAME].rstrip("-")


def domain_of(name: str | None) -> str | None:
    """A domain name that can be given to IOS; None for none, or one that is none."""
    text = (name or "").strip().rstrip(".")
    return text if text and len(text) <= _LONGEST_DOMAIN and _DOMAIN.match(text) else None


def user_name_of(name: str) -> str:
    """The user's name, when IOS takes it. Raises: MalformedDocument."""
    if not _USER_NAME.match(name) or len(name) > LONGEST_USER_NAME:
        raise MalformedDocument(
            "user name",
            f"IOS takes 1 to {LONGEST_USER_NAME} letters, digits, '_', '.', '@' and '-', and no '.', '@' or '-' in front",
        )
    return name


def plain(text: str) -> str:
    """`text` for a comment or a description: visible ASCII without ``!`` and ``?``, everything else as ``.``, cut to 64."""
    return "".join(letter if " " <= letter <= "~" and letter not in "!?" else "." for letter in text[:64])


def interface_of(text: str) -> str | None:
    """The full name of an interface, for any way that IOS lets a person write it (``gi 2``, ``Gi2``); None when it is none.

    An ambiguous beginning counts as the first of the kinds that it fits, as ``Gi`` does in every text about this platform.
    """
    found = _INTERFACE.match(text.strip())
    if not found:
        return None
    begun = found[1].lower()
    kind = next((kind for kind in _KINDS if kind.lower().startswith(begun)), None)
    return f"{kind}{found[2]}" if kind else None
