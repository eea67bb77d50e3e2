"""Instance metadata. Source: wire-protocol.md §10."""

from __future__ import annotations

import json
from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.model.metadata import Compute, Instance, NetworkInterface
from limpet.wire import jsondoc
from limpet.wire.http import KIB, MIB, Request
from limpet.wire.scalars import scalar_text

DOCUMENT = "instance metadata"
ENDPOINT = "169.254.169.254"
API_VERSION = "2018-02-01"
"""The version the peer asks for. Source: wire-protocol.md §10."""

_COMPUTE = {
    "location": "location",
    "name": "name",
    "offer": "offer",
    "os_type": "osType",
    "publisher": "publisher",
    "resource_group": "resourceGroupName",
    "sku": "sku",
    "subscription_id": "subscriptionId",
    "tags": "tags",
    "version": "version",
    "vm_id": "vmId",
    "vm_size": "vmSize",
    "vm_scale_set": "vmScaleSetName",
    "zone": "zone",
    "placement_group_id": "placementGroupId",
    "platform_fault_domain": "platformFaultDomain",
    "platform_update_domain": "platformUpdateDomain",
}


def instance_request(
    path: str = "", *, api_version: str = API_VERSION, extended: bool = False, endpoint: str = ENDPOINT
) -> Request:
    """Ask for the instance document, or for the part of it at `path`, such as ``compute``.

    extended: also what only newer versions give (``extended=true``).
    """
    part = f"/{path}" if path else ""
    query = f"api-version={api_version}" + ("&extended=true" if extended else "")
    return Request(
        method="GET",
        url=f"http://{endpoint}/metadata/instance{part}?{query}",
        headers={"Metadata": "True"},
        limit=MIB,
    )


def versions_request(*, endpoint: str = ENDPOINT) -> Request:
    """Ask which versions there are: the smallest question that it answers."""
    return Request(
        method="GET", url=f"http://{endpoint}/metadata/versions", headers={"Metadata": "True"}, limit=64 * KIB
    )


def parse_compute(body: bytes) -> Compute:
    """Read the compute document; what is missing is empty text. Raises: MalformedDocument."""
    return _compute(jsondoc.parse(body, DOCUMENT), "")


def parse_instance(body: bytes) -> Instance:
    """Read the instance document.

    The first interface must have a MAC and a private IPv4 address (that is what the platform's health rule looks at);
    other interfaces are taken as far as they have a MAC. Raises: MalformedDocument.
    """
    root = _object(jsondoc.parse(body, DOCUMENT), "the document")
    compute = root.get("compute")
    network = _object(root.get("network"), "network")
    entries = _array(network.get("interface"), "network.interface")
    if not entries:
        raise MalformedDocument(DOCUMENT, "network.interface is missing or empty")
    interfaces = [_interface(entry, f"network.interface[{index}]") for index, entry in enumerate(entries)]
    _check_first(entries[0], interfaces[0])
    return Instance(
        compute=Compute() if compute is None else _compute(compute, "compute."),
        interfaces=tuple(interface for interface in interfaces if interface.mac),
    )


def _check_first(entry: dict[str, Any], interface: NetworkInterface) -> None:
    where = "network.interface[0]"
    if not interface.mac:
        raise MalformedDocument(DOCUMENT, f"{where}.macAddress is missing or empty")
    addresses = (entry.get("ipv4") or {}).get("ipAddress") or [{}]
    if not addresses[0].get("privateIpAddress"):
        raise MalformedDocument(DOCUMENT, f"{where}.ipv4.ipAddress[0].privateIpAddress is missing or empty")


def _compute(value: Any, prefix: str) -> Compute:
    members = _object(value, prefix.rstrip(".") or "the document")
    return Compute(
        **{
            field: scalar_text(members.get(member), DOCUMENT, f"{prefix}{member}") or ""
            for field, member in _COMPUTE.items()
        }
    )


def _interface(value: Any, where: str) -> NetworkInterface:
    members = _object(value, where)
    mac = scalar_text(members.get("macAddress"), DOCUMENT, f"{where}.macAddress") or ""
    addresses: list[str] = []
    subnets: list[tuple[str, int]] = []
    for family in ("ipv4", "ipv6"):
        if members.get(family) is not None:
            place = f"{where}.{family}"
            part = _object(members[family], place)
            addresses += _addresses(part, place)
            subnets += _subnets(part, place)
    return NetworkInterface(
        mac=mac.replace("-", "").replace(":", "").upper(),
        private_addresses=tuple(addresses),
        subnets=tuple(subnets),
    )


def _addresses(part: dict[str, Any], where: str) -> list[str]:
    found = []
    for index, entry in enumerate(_array(part.get("ipAddress"), f"{where}.ipAddress")):
        place = f"{where}.ipAddress[{index}]"
        address = scalar_text(
            _object(entry, place).get("privateIpAddress"), DOCUMENT, f"{place}.privateIpAddress"
        )
        if address:
            found.append(address)
    return found


def _subnets(part: dict[str, Any], where: str) -> list[tuple[str, int]]:
    found = []
    for index, entry in enumerate(_array(part.get("subnet"), f"{where}.subnet")):
        place = f"{where}.subnet[{index}]"
        members = _object(entry, place)
        address = scalar_text(members.get("address"), DOCUMENT, f"{place}.address")
        prefix = scalar_text(members.get("prefix"), DOCUMENT, f"{place}.prefix")
        if not address or prefix is None or not (prefix.isascii() and prefix.isdigit()) or len(prefix) > 3:
            raise MalformedDocument(DOCUMENT, f"{place} has no address with a prefix length")
        found.append((address, int(prefix)))
    return found


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedDocument(DOCUMENT, f"{where} is missing or not an object")
    return value


def _array(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedDocument(DOCUMENT, f"{where} is not an array")
    return value


def _is_ipv4(address: str) -> bool:
    return ":" not in address


def render_compute(compute: Compute) -> bytes:
    """Give the compute document."""
    return json.dumps(compute_members(compute)).encode("ascii")


def render_instance(instance: Instance) -> bytes:
    """Give the instance document."""
    return json.dumps(instance_members(instance)).encode("ascii")


def compute_members(compute: Compute) -> dict[str, Any]:
    """Give the compute object, for who adds what newer versions of the service have."""
    return {member: getattr(compute, field) for field, member in _COMPUTE.items()}


def instance_members(instance: Instance) -> dict[str, Any]:
    """Give the instance object, for who adds what newer versions of the service have."""
    return {
        "compute": compute_members(instance.compute),
        "network": {"interface": [_interface_members(interface) for interface in instance.interfaces]},
    }


def _interface_members(interface: NetworkInterface) -> dict[str, Any]:
    members: dict[str, Any] = {"macAddress": interface.mac}
    for family, version_4 in (("ipv4", True), ("ipv6", False)):
        members[family] = {
            "ipAddress": [
                {"privateIpAddress": address} | ({"publicIpAddress": ""} if version_4 else {})
                for address in interface.private_addresses
                if _is_ipv4(address) is version_4
            ],
            "subnet": [
                {"address": address, "prefix": str(prefix)}
                for address, prefix in interface.subnets
                if _is_ipv4(address) is version_4
            ],
        }
    return members
