"""The names a VM goes by, derived from a seed and its address, so that two runs agree."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from ipaddress import ip_address
from uuid import UUID, uuid5

from limpet.model.ids import ConfigName, ContainerId, Etag, InstanceId, VmId

_NAMESPACE = UUID("1f0ce1a4-6a2b-5e0f-9c53-7a2a6c0e9b11")


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who a VM is to the fabric.

    generation: how often it moved to another container (hibernation, redeployment).
    own_mac: 12 upper-case hex digits; empty: derived from the address.
    """

    name: str
    seed: str
    address: str
    generation: int = 0
    own_mac: str = ""

    @property
    def vm_id(self) -> VmId:
        """Stays for the VM's life."""
        return VmId(self._guid("vm"))

    @property
    def container_id(self) -> ContainerId:
        """Changes with each generation."""
        return ContainerId(self._guid(f"container/{self.generation}"))

    @property
    def deployment_id(self) -> str:
        """Changes with each generation. Source: wire-protocol.md §2.3."""
        return self._guid(f"deployment/{self.generation}")

    @property
    def instance_name(self) -> str:
        """The role instance's short name."""
        return f"_{self.name}"

    @property
    def instance_id(self) -> InstanceId:
        """The role instance's name in its deployment."""
        return InstanceId(f"{self.deployment_id}.{self.instance_name}")

    @property
    def config_name(self) -> ConfigName:
        """The role configuration's name. Source: wire-protocol.md §2.1."""
        deployment = self.deployment_id
        return ConfigName(f"{deployment}.0.{deployment}.0.{self.instance_name}.1.xml")

    @property
    def mac(self) -> str:
        """Twelve hex digits; derived ones are below the platform's prefix."""
        if self.own_mac:
            return self.own_mac
        packed = ip_address(self.address).packed[-3:]
        return "000D3A" + packed.hex().upper()

    def guid(self, purpose: str) -> str:
        """A GUID that belongs to this VM for `purpose`."""
        return self._guid(purpose)

    def etag(self, serial: int) -> Etag:
        """The name of the vmSettings document number `serial`: digits only, in no order. Source: wire-protocol.md §5.6."""
        digest = hashlib.sha256(f"{self.vm_id}/{serial}".encode()).digest()
        return Etag(str(int.from_bytes(digest[:8], "big") or 1))

    def moved(self) -> Identity:
        """The same VM in another container."""
        return replace(self, generation=self.generation + 1)

    def _guid(self, purpose: str) -> str:
        return str(uuid5(_NAMESPACE, f"{self.seed}/{self.address}/{self.name}/{purpose}"))
