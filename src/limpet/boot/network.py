"""Reaches the platform before anything else has brought the network up. Source: guest-setup.md §B.1-B.4, §J.1.

What is there is used and left alone: a route to the wire server means that somebody has made the network. Otherwise leases
are asked for, NIC by NIC, until one knows the platform. Nothing is applied here: the tasks of a `Connection` do that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.boot.connection import Connection, address_or_none
from limpet.guest.lease import LARGEST, SAVED_LEASE, parse_lease
from limpet.guest.routes import way_to
from limpet.host.facts import interfaces, leases
from limpet.host.facts.reading import bytes_of
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from limpet.boot.connection import Network
    from limpet.guest.interfaces import NetworkFacts
    from limpet.guest.lease import AcquiredLease


def existing_connection(network: Network) -> Connection | None:
    """The way that is there already; None where the machine has none."""
    facts = interfaces.look(network.files)
    target = address_or_none(network.endpoint) or WIRE_SERVER
    way = way_to(target, facts.routes)
    local = target.is_loopback or target in facts.addresses
    if way is None and not local:
        return None
    endpoint, origin = _known_endpoint(network, facts)
    return Connection(endpoint=endpoint, origin=origin, interface=None if way is None else way.interface)


def _known_endpoint(network: Network, facts: NetworkFacts) -> tuple[str, str]:
    if network.endpoint is not None:
        return network.endpoint, "configured"
    saved = _saved(network)
    # A lease of an earlier boot, perhaps elsewhere, counts only while its address is this machine's.
    if saved is not None and saved.wire_server is not None and saved.address in facts.addresses:
        return str(saved.wire_server), str(SAVED_LEASE)
    if network.use_leases:
        for address, path in leases.wire_servers(network.files, network.clock.now()):
            return address, str(path)
    return str(WIRE_SERVER), "the well-known address"


def _saved(network: Network) -> AcquiredLease | None:
    content = bytes_of(network.files, SAVED_LEASE, at_most=LARGEST)
    try:
        return None if content is None else parse_lease(content)
    except MalformedDocument:
        return None


def connect(network: Network) -> Connection:
    """The way to the platform, there already or by a lease of our own.

    Raises: HostError, when there was no lease within the patience, with what each NIC met.
    """
    found = existing_connection(network)
    if found is not None:
        network.log.info(
            "network.there", endpoint=found.endpoint, origin=found.origin, interface=found.interface
        )
        return found
    from limpet.boot.search import search  # noqa: PLC0415 - most boots after the first find a network

    return search(network)
