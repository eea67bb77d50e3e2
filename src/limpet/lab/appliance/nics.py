"""An appliance's NICs as the platform has them: cables to the fabric's bridge that come, go and come back.

A real NIC whose namespace dies returns to the machine's first one, down and bare; a veth is destroyed. The fabric's end
of a destroyed cable is gone too, which tells that it happened; `Cards.insert` then does what the kernel would have done.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.lab import netns
from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.lab.netns import Network

MOST_NICS = 16
"""Including the primary one, as the largest VMs of the platform have."""
FIRST_INDEX = 2000
TIME_TO_GO = 60.0
PLATFORM = ("168.63.129.16", "169.254.169.254")
TABLE = "limpet_platform"
KNOCK = """\
import socket, sys
source, address, port = sys.argv[1:]
try:
    socket.create_connection((address, int(port)), timeout=2, source_address=(source, 0)).close()
except OSError as error:
    print(error.strerror or error)
else:
    print("connected")
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One NIC. number: 0 is the primary one. address: what DHCP gives it; its subnet is a /24 whose first address routes."""

    number: int
    name: str
    mac: str
    address: str
    port: str
    index: int

    @property
    def gateway(self) -> str:
        """The router of its subnet."""
        return f"{self.address.rsplit('.', 1)[0]}.1"


def knock(where: Network, address: str, port: int, *, source: str = "") -> str:
    """What becomes of a connection from a network to a port, from the address `source`. Raises: LabError.

    ``connected``, else what a socket says, such as ``Connection refused`` (so it was reached) or ``timed out``.
    """
    asked = [sys.executable, "-ISc", KNOCK, source, address, str(port)]
    return where.run(asked).checked().strip()


def card_of(guest: int, number: int) -> Card:
    """NIC `number` of a room's VM whose primary address ends with `guest`: each of its NICs is in a subnet of its own."""
    if not 0 <= number < MOST_NICS:
        raise LabError(f"a VM has {MOST_NICS} NICs at most: there is no NIC {number}")
    return Card(
        number=number,
        name=f"eth{number}",
        mac=f"00:0d:3a:00:{number:02x}:{guest:02x}",
        address=f"10.0.{number}.{guest}",
        port=f"card{guest}n{number}",
        index=FIRST_INDEX + guest * MOST_NICS + number,
    )


class Cards:
    """The NICs of one VM on a fabric. Raises, everywhere: LabError."""

    def __init__(self, fabric: Network, guest: Network) -> None:
        self._fabric = fabric
        self._guest = guest

    def connect(self, cards: Sequence[Card]) -> None:
        """Make the fabric know NICs: their subnets' routers, who is where, and that the platform answers no others.

        Like the platform, it delivers by its own knowledge of MACs, whatever the machine answers to ARP.
        """
        routers = [f"addr replace {card.gateway}/24 dev {netns.BRIDGE}" for card in cards]
        places = [
            f"neigh replace {card.address} lladdr {card.mac} dev {netns.BRIDGE} nud permanent"
            for card in cards
        ]
        self._fabric.ip(*routers, *places)
        pairs = ", ".join(f'"{card.port}" . {card.address}' for card in cards)
        ports = ", ".join(f'"{card.port}"' for card in cards)
        rules = f"{DECLARED}add element bridge {TABLE} ports {{ {ports} }}\nadd element bridge {TABLE} own {{ {pairs} }}\n"
        run(self._fabric.inside(["nft", "-f", "-"]), stdin=rules).checked()

    def insert(self, card: Card, *, name: str | None = None) -> str:
        """Put a NIC in, down and bare, in the machine's first namespace; gives its name there.

        name: left out, its own; where that is taken one like the kernel's.
        """
        if card.port in self._names(self._fabric):
            raise LabError(f"NIC {card.number} is in the machine already")
        chosen = name or card.name
        if chosen in self._names(self._guest):
            chosen = f"dev{card.index}"
        index = None if card.index in self._indexes(self._guest) else card.index
        netns.lay_cable(self._fabric, card.port, self._guest, mac=card.mac, nic=chosen, index=index, up=False)
        return chosen

    def insert_all(self, cards: Sequence[Card]) -> None:
        """The same for NICs of a machine that has none yet, at once."""
        if not cards:
            return
        guest, bridge = self._guest.name, netns.BRIDGE
        ends = [f"{card.port} index {card.index}" for card in cards]
        peers = [f"{card.name} index {card.index} netns {guest}" for card in cards]
        self._fabric.ip(
            *(
                f"link add name {end} type veth peer name {peer}"
                for end, peer in zip(ends, peers, strict=True)
            ),
            *(f"link set {card.port} master {bridge} up" for card in cards),
        )
        self._guest.ip(*(f"link set {card.name} address {card.mac}" for card in cards))

    def remove(self, card: Card) -> None:
        """Take a NIC out, wherever in the machine it is."""
        self._fabric.ip(f"link delete {card.port}")

    def clear(self, cards: Sequence[Card]) -> None:
        """Take out what is left of the NICs and their functions in a machine that is off: its namespaces are on their way out."""
        ports = {name for card in cards for name in (card.port, self.function(card))}

        def gone() -> bool:
            for port in ports & self._names(self._fabric):
                with suppress(LabError):  # its namespace was quicker
                    self._fabric.ip(f"link delete {port}")
            return ports.isdisjoint(self._names(self._fabric))

        wait_for(gone, "the NICs of the machine that was switched off to go", timeout=TIME_TO_GO)

    def present(self, cards: Sequence[Card]) -> list[Card]:
        """Those that are in the machine, in whatever namespace."""
        there = self._names(self._fabric)
        return [card for card in cards if card.port in there]

    def add_function(self, card: Card, name: str) -> None:
        """The virtual function beside a NIC: another interface with the same MAC, in the machine's first namespace."""
        port = self.function(card)
        self._fabric.ip(f"link add name {port} type veth peer name {name} netns {self._guest.name}")
        self._fabric.ip(f"link set {port} up")
        self._guest.ip(f"link set {name} address {card.mac}")

    def remove_function(self, card: Card) -> None:
        """Take it away, wherever it is."""
        self._fabric.ip(f"link delete {self.function(card)}")

    @staticmethod
    def function(card: Card) -> str:
        """Its port on the fabric, which carries nothing."""
        return f"vf{card.port}"

    def leaked(self) -> int:
        """Packets to the platform's addresses that came with another sender's address than the NIC's own: all dropped."""
        listed = run(self._fabric.inside(["nft", "-j", "list", "counter", "bridge", TABLE, "strange"]))
        for each in json.loads(listed.checked())["nftables"]:
            if "counter" in each:
                return int(each["counter"]["packets"])
        raise LabError("the fabric does not count strangers")

    @staticmethod
    def _names(where: Network) -> set[str]:
        listed = run(["ip", "-n", where.name, "-json", "link"]).checked()
        return {link["ifname"] for link in json.loads(listed or "[]")}

    @staticmethod
    def _indexes(where: Network) -> set[int]:
        listed = run(["ip", "-n", where.name, "-json", "link"]).checked()
        return {link["ifindex"] for link in json.loads(listed or "[]")}


DECLARED = f"""\
add table bridge {TABLE}
add counter bridge {TABLE} strange
add set bridge {TABLE} ports {{ type ifname; }}
add set bridge {TABLE} own {{ type ifname . ipv4_addr; }}
add chain bridge {TABLE} arriving {{ type filter hook prerouting priority 0; policy accept; }}
flush chain bridge {TABLE} arriving
add rule bridge {TABLE} arriving iifname @ports ip daddr {{ {", ".join(PLATFORM)} }} iifname . ip saddr != @own counter name strange drop
"""
