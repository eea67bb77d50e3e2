"""What programs need of NICs, below IP: part of `limpet.host.ports`, where everybody takes it from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from limpet.model.network import LinkState


class Wire(Protocol):
    """One NIC's Ethernet, below IP: what DHCP needs before there is an address."""

    def send(self, payload: bytes, *, source: IPv4Address | None = None) -> None:
        """Broadcast `payload` in a UDP packet from port 68 to port 67.

        source: the address it comes from, where this machine has one. Raises: HostError.
        """

    def receive(self, timeout: float) -> bytes | None:
        """The payload of the next UDP packet for port 68; None when none came in `timeout` seconds. Raises: HostError."""

    def close(self) -> None:
        """Let go of it."""


class Links(Protocol):
    """The NICs."""

    def open_wire(self, interface: str) -> Wire:
        """A NIC's Ethernet. Raises: HostError."""

    def set_up(self, interface: str, up: bool) -> None:
        """Bring a link up or down, and nothing else. Raises: HostError."""

    def changes(self) -> LinkNews:
        """News of the NICs from now on. Raises: HostError."""


class LinkNews(Protocol):
    """What becomes of the NICs. First come those that are there, then every change, in order.

    Where the kernel could not keep all of it, all NICs come again as they are then, and those that have gone.
    """

    def next(self, timeout: float) -> LinkState | None:
        """The next NIC that is there or has changed; None when nothing came in `timeout` seconds. Raises: HostError."""

    def close(self) -> None:
        """Hear no more news."""
