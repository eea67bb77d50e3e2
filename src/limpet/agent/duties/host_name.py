"""A changed host name is published to the platform's DNS: by a DHCP request that carries it. Source: guest-setup.md §A.6.

The name is written where the next requests of a DHCP client take it from; no interface is restarted.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.agent.duties.result import Result, ipv4, told
from limpet.guest.host_name import LARGEST, plan_host_name, plan_host_name_record
from limpet.guest.names import host_name_problem
from limpet.guest.routes import way_to
from limpet.host.dhcp_client import publish_host_name
from limpet.host.facts import host_name, interfaces
from limpet.host.facts.reading import bytes_of
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.duties.result import Hands
    from limpet.host.ports import Files

ANYWHERE = IPv4Address("192.0.2.1")
"""No network has it (RFC 5737): packets to it go by the default route."""
CLOUD_INIT = Path("/var/lib/cloud/data/set-hostname")
"""What cloud-init named the machine, where it provisioned it."""


def do(wish: Mapping[str, Any], _memory: Mapping[str, Any], hands: Hands) -> Result:
    """Publish the kernel's name, unless it was. Raises: HostError."""
    files = hands.interpreter.files
    record = Path(wish["record"])
    name = hands.interpreter.kernel.host_name()
    facts = host_name.look(files, hands.interpreter.kernel, record.parent)
    if not worth_publishing(name):
        return Result(did=(f"nothing about the host name {name[:64]!a}: it is no name of a machine",))
    published = facts.published or _given_by_cloud_init(files)
    naming = plan_host_name(name, facts)
    recording = plan_host_name_record(name, facts, record.parent, after=(naming.name,))
    if published in {None, name}:  # whoever provisioned it has published it
        return told(hands.interpreter.apply(recording))
    outcomes = hands.interpreter.apply([naming])
    if not outcomes[0].failed:
        _publish(name, wish["endpoint"], hands)
    return told([*outcomes, *hands.interpreter.apply(recording, earlier=outcomes)])


def worth_publishing(name: str) -> bool:
    """Whether a machine may be known by this name: it is one, and not every machine's."""
    return host_name_problem(name) is None and name.partition(".")[0].lower().rstrip("46") != "localhost"


def _publish(name: str, endpoint: str, hands: Hands) -> None:
    """Ask again for the address of the NIC that leads to the fabric, with the name. Raises: HostError."""
    network = interfaces.look(hands.interpreter.files)
    target = ipv4(endpoint) or ANYWHERE
    source = hands.lookout.source_for(str(target))
    way = way_to(target, network.routes)
    nic = next((each for each in network.nics if way is not None and each.name == way.interface), None)
    if source is None or nic is None:
        raise HostError(
            f"the host name {name} could not be published: there is no NIC that leads to {target}"
        )
    publish_host_name(
        hands.links,
        hands.interpreter.clock,
        hands.chance,
        interface=nic.name,
        mac=bytes.fromhex(nic.mac),
        address=IPv4Address(source),
        host_name=name,
    )


def _given_by_cloud_init(files: Files) -> str | None:
    try:
        name = json.loads(bytes_of(files, CLOUD_INIT, at_most=LARGEST) or b"null")["hostname"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return name if isinstance(name, str) else None
