"""Only root talks to the wire server. Source: guest-setup.md §B.7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.agent.duties.result import Result, ipv4, told
from limpet.host.firewall import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.duties.result import Hands

UNHEARD = 600.0
"""How often rules are looked at whose loss the kernel does not tell, those of the older iptables, seconds.

It takes a process each time: at every period it would be most of what the agent uses in all.
"""


def do(wish: Mapping[str, Any], _memory: Mapping[str, Any], hands: Hands) -> Result:
    """Set the rules, if they are not all there. Raises: HostError."""
    if ipv4(wish["endpoint"]) is None:
        return Result(
            problem=f"the wire server is known by the name {wish['endpoint']}: rules need its IPv4 address"
        )
    facts, outcome = settle(wish["endpoint"], hands.interpreter)
    return told([outcome], {"unheard": UNHEARD if facts.back_end == "iptables" else None})
