"""The table of duties: how often each is looked after, when first, what tells of it, and the module that does it.

None of them is done where the machine is somebody else's, as in a guest shell (the setting agent.stage).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.agent.duties import signs
from limpet.agent.running import GUEST_SHELL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.agent.duties.signs import Senses
    from limpet.agent.running import Running

SOON = 5.0
"""When the duties are looked after for the first time, seconds after the agent's start: the first goal state goes before."""
TABLES = (b"limpet", b"security")
"""The tables whose changes may be the loss of our rules: our own, and the one that iptables keeps them in."""
RULES = (
    "/lib/udev/rules.d/75-persistent-net-generator.rules",
    "/etc/udev/rules.d/70-persistent-net.rules",
)


@dataclass(frozen=True, slots=True)
class Duty:
    """One row. period: how often its sign is read, seconds.

    wish: what is wanted, from the settings, as JSON has it; None where the duty is switched off. sign: see signs.py. module: in
    this package, imported by the worker alone, has the function ``do``.
    """

    name: str
    period: Callable[[Running], float]
    wish: Callable[[Running], dict[str, Any] | None]
    sign: Callable[[Senses, Mapping[str, Any], dict[str, Any]], object]
    module: str


def _address(running: Running) -> str:
    return running.wire_server.partition(":")[0]


def _ways(*addresses: str) -> list[str]:
    """Those that are IPv4 addresses: a name would have to be looked up."""
    return [address for address in addresses if address.replace(".", "").isdigit()]


DUTIES = (
    Duty(
        "firewall",
        lambda running: running.firewall_period,
        lambda running: {"endpoint": _address(running)} if running.firewall else None,
        signs.firewall,
        "firewall",
    ),
    Duty(
        "dhcp",
        lambda running: running.dhcp_period,
        lambda running: {
            "endpoint": _address(running),
            "ways": _ways(_address(running), running.metadata_endpoint.partition(":")[0], signs.ANYWHERE),
        },
        signs.dhcp,
        "dhcp",
    ),
    Duty(
        "host-name",
        lambda running: running.host_name_period,
        lambda running: (
            {"record": str(running.library / "published_hostname"), "endpoint": _address(running)}
            if running.monitor_host_name
            else None
        ),
        signs.host_name,
        "host_name",
    ),
    Duty(
        "scsi-timeout",
        lambda running: running.scsi_timeout_period,
        lambda running: {"timeout": str(running.scsi_timeout)} if running.scsi_timeout is not None else None,
        signs.scsi_timeout,
        "scsi_timeout",
    ),
    Duty(
        "persistent-names",
        lambda running: running.persistent_rules_period,
        lambda running: (
            {"files": RULES, "library": str(running.library)} if running.remove_persistent_rules else None
        ),
        signs.persistent_names,
        "persistent_names",
    ),
)


def wishes(running: Running) -> list[tuple[Duty, dict[str, Any], float]]:
    """The duties that are to be done, each with what is wanted and its period."""
    if running.stage == GUEST_SHELL:
        return []
    found = []
    for duty in DUTIES:
        wish = duty.wish(running)
        if wish is not None:
            found.append((duty, wish, duty.period(running)))
    return found
