"""The platform's own addresses, the same in every network. Source: wire-protocol.md §1."""

from __future__ import annotations

from ipaddress import IPv4Address

WIRE_SERVER, METADATA = IPv4Address("168.63.129.16"), IPv4Address("169.254.169.254")
PLATFORM = (WIRE_SERVER, METADATA)
"""Whoever reaches them through an appliance gets the appliance's own secrets (network-appliance.md §3.2)."""
