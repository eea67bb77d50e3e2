"""The little of instance metadata that is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limpet.model.provisioning import PublicKey
    from limpet.model.secret import Secret


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


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvisioningMetadata:
    """What the metadata service says of how to provision a VM; None where it does not say. Source: guest-setup.md §J.1.

    user_data: base64, unchecked. has_custom_data: whether there is custom data, which only media has. macs: of each NIC, 12
    lower-case hex digits.
    """

    vm_id: str | None = None
    user_name: str | None = None
    host_name: str | None = None
    disable_password_authentication: bool | None = None
    public_keys: tuple[PublicKey, ...] = ()
    user_data: Secret[str] | None = None
    has_custom_data: bool = False
    pps_type: str | None = None
    macs: tuple[str, ...] = ()
