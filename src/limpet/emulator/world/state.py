"""The fabric's whole state as one frozen value, `World`, and how VMs come into it.

A transition makes the next world from this one; what was handed out stays as it was, so a dashboard or a test may keep it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from limpet.emulator.events import EventLog
from limpet.emulator.storage.blobs import BlobStore
from limpet.emulator.storage.signatures import token
from limpet.emulator.world.ledger import Ledger
from limpet.model.ids import Url
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.emulator.events import Event
    from limpet.emulator.faults import Rule
    from limpet.emulator.storage.packages import HostedPackage
    from limpet.emulator.world.vm import Nic, VirtualMachine


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What holds for the whole run.

    endpoint: the wire server's address, ``168.63.129.16`` or ``host:port``. storage: the URL under which blobs are,
    without a slash at its end. auto: whether an unknown address becomes a VM at its first request.
    host_plugin_version: at least 1.0.8.133 for FastTrack. Source: wire-protocol.md §5.3.
    strict: refuse what the real fabric refuses, and not only remark on it.
    seed: from which names are derived. storage_key: signs the URLs of blobs.
    """

    endpoint: str = "168.63.129.16"
    storage: str = "http://168.63.129.16:80/storage"
    auto: bool = True
    strict: bool = False
    fast_track: bool = True
    host_plugin_version: str = "1.0.8.179"
    location: str = "westeurope"
    seed: str = "limpet"
    storage_key: Secret[bytes] = field(default_factory=lambda: Secret(b"limpet"))

    @property
    def wire_server(self) -> str:
        """The wire server as URLs inside documents spell it: with its port. Source: wire-protocol.md §1.1."""
        return self.endpoint if ":" in self.endpoint else f"{self.endpoint}:80"

    @property
    def storage_prefix(self) -> str:
        """The path under which blobs are on their host; empty when they have one of their own."""
        return urlsplit(self.storage).path.rstrip("/")

    def blob_url(self, path: str, permissions: str | None = None) -> Url:
        """Where the blob at `path` is; with a signature when `permissions` are given."""
        query = f"?{token(self.storage_key.reveal(), path, permissions)}" if permissions else ""
        return Url(f"{self.storage}/{quote(path, safe='/$')}{query}")

    def blob_path(self, url: str) -> str | None:
        """The path of the blob that `url` names; None when it is not one of ours."""
        base = url.split("?", 1)[0]
        return base[len(self.storage) + 1 :] if base.startswith(f"{self.storage}/") else None


class UnknownVm(LookupError):
    """No VM has this name or address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """The fabric. vms: by name."""

    settings: Settings = field(default_factory=Settings)
    vms: Mapping[str, VirtualMachine] = field(default_factory=dict)
    blobs: BlobStore = field(default_factory=BlobStore)
    packages: tuple[HostedPackage, ...] = ()
    faults: tuple[Rule, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)
    events: EventLog = field(default_factory=EventLog)

    def vm(self, name: str) -> VirtualMachine:
        """The VM called `name`. Raises: UnknownVm."""
        try:
            return self.vms[name]
        except KeyError as error:
            known = ", ".join(sorted(self.vms)[:20]) or "none yet"
            raise UnknownVm(f"there is no VM {name!r}; known: {known}") from error

    def at(self, address: str) -> VirtualMachine | None:
        """The VM whose requests come from `address`, which may be that of a NIC that is not its primary one."""
        return next(
            (vm for vm in self.vms.values() if any(nic.address == address for nic in vm.nics)),
            None,
        )

    def with_mac(self, mac: str) -> tuple[VirtualMachine, Nic] | None:
        """The VM that has the NIC with this MAC (12 upper-case hex digits), and the NIC."""
        return next(((vm, nic) for vm in self.vms.values() for nic in vm.nics if nic.mac == mac), None)

    def with_vm(self, vm: VirtualMachine) -> World:
        """The world with `vm` added or replaced."""
        return replace(self, vms={**self.vms, vm.name: vm})

    def without_vm(self, name: str) -> World:
        """The world without that VM and its status blob; its requests stay in the ledger."""
        vms = {other: vm for other, vm in self.vms.items() if other != name}
        blobs = {
            path: blob for path, blob in self.blobs.blobs.items() if not path.startswith(f"$system/{name}.")
        }
        return replace(self, vms=vms, blobs=BlobStore(blobs=blobs))

    def tell(self, at: float, kind: str, vm: str | None, /, **data: Any) -> World:
        """The world with one more event."""
        return replace(self, events=self.events.add(at, kind, vm, data))


def events_after(last: int, world: World) -> tuple[Event, ...] | None:
    """A condition to wait for: what has happened since the event `last`; None while that is nothing."""
    return world.events.after(last) or None
