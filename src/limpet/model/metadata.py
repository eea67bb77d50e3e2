"""The little of instance metadata that is used."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Compute:
    """Who this VM is to the platform; empty text where the service says nothing. Source: wire-protocol.md §10."""

    location: str = ""
    name: str = ""
    offer: str = ""
    os_type: str = ""
    publisher: str = ""
    resource_group: str = ""
    sku: str = ""
    subscription_id: str = ""
    tags: str = ""
    version: str = ""
    vm_id: str = ""
    vm_size: str = ""
    vm_scale_set: str = ""
    zone: str = ""
    placement_group_id: str = ""
    platform_fault_domain: str = ""
    platform_update_domain: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkInterface:
    """A NIC as the metadata service knows it. mac: 12 upper-case hex digits."""

    mac: str
    private_addresses: tuple[str, ...]
    subnets: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """The instance document: compute and network."""

    compute: Compute
    interfaces: tuple[NetworkInterface, ...]
