"""The programs of a vendor that the driver ``hooks`` knows: one file in the folder for each verb. See docs/vendors.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""Of the documents that programs are told and answer with."""

NOT_UNDERSTOOD = 2
NOT_NOW = 75
MEANINGS: Mapping[int, str] = {
    NOT_UNDERSTOOD: "it does not understand what it is told",
    NOT_NOW: "it cannot do this now",
}
"""Exit codes beside 0, done, and every other one, failed."""


class Verb(Enum):
    """What a program is asked to do; its value is the name of its file."""

    START = "start"
    CLAIM = "claim"
    DRESS = "dress"
    PROTECT = "protect"
    HEALTH = "health"
    REVIVE = "revive"
    RELEASE = "release"
    STOP = "stop"
    DAY_ZERO = "day-zero"
    COMMAND = "command"
    FORGET = "forget"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What the table says of a verb. absent: what happens where there is no such program; None: there must be one.

    timeout: seconds, unless a setting says otherwise.
    """

    purpose: str
    timeout: float
    absent: str | None = None


TABLE: Mapping[Verb, Row] = {
    Verb.START: Row(purpose="start the network OS, with the guest port", timeout=60.0),
    Verb.CLAIM: Row(purpose="take a NIC from Linux", timeout=10.0),
    Verb.DRESS: Row(
        purpose="give a NIC its addresses and routes, and the guest its NAT",
        timeout=10.0,
        absent="the network OS does it by itself, such as by DHCP",
    ),
    Verb.PROTECT: Row(
        purpose="put the rule sets in force again",
        timeout=10.0,
        absent="the network OS keeps its rules by itself",
    ),
    Verb.HEALTH: Row(purpose="say how the network OS is", timeout=5.0),
    Verb.REVIVE: Row(
        purpose="get the network OS going again", timeout=60.0, absent="the program start is run again"
    ),
    Verb.RELEASE: Row(purpose="give a NIC back to Linux", timeout=10.0),
    Verb.STOP: Row(purpose="end the network OS", timeout=60.0),
    Verb.DAY_ZERO: Row(
        purpose="configure the network OS from the custom data",
        timeout=300.0,
        absent="the custom data lies in /var/lib/limpet/day-zero when the program start is run",
    ),
    Verb.COMMAND: Row(
        purpose="do one line of the network OS's command language",
        timeout=30.0,
        absent="the guest shell is told that this network OS takes no commands",
    ),
    Verb.FORGET: Row(
        purpose="forget what belongs to this one VM",
        timeout=60.0,
        absent="`limpet deprovision` says that the network OS keeps its configuration",
    ),
}

TIMEOUTS: Mapping[Verb, float] = {verb: row.timeout for verb, row in TABLE.items()}
REQUIRED = tuple(verb for verb, row in TABLE.items() if row.absent is None)
