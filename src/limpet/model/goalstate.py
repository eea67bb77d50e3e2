"""The wire server's goal state: one document, one incarnation, and where its parts are."""

from dataclasses import dataclass

from limpet.model.ids import ConfigName, ContainerId, Incarnation, InstanceId, Url

PROTOCOL_VERSION = "2012-11-30"
"""The only protocol version spoken. Source: wire-protocol.md §1.1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """Which protocol versions a wire server offers. preferred: empty where it says none. Source: wire-protocol.md §1.6."""

    preferred: str
    supported: tuple[str, ...]

    def accept(self, version: str) -> bool:
        """Whether `version` may be spoken."""
        return version == self.preferred or version in self.supported


@dataclass(frozen=True, kw_only=True, slots=True)
class GoalState:
    """What the fabric wants of this VM, as locations of the parts. Source: wire-protocol.md §2.1, §2.2."""

    incarnation: Incarnation
    container_id: ContainerId
    instance_id: InstanceId
    config_name: ConfigName
    hosting_environment: Url
    shared_config: Url
    extensions_config: Url | None = None
    certificates: Url | None = None
    remote_access: Url | None = None
    full_config: Url | None = None
    expected_state: str = "Started"
    instance_state: str = "Started"

    @property
    def deployment_id(self) -> str:
        """The configuration's name up to its first dot. Source: wire-protocol.md §2.2."""
        return self.config_name.split(".", 1)[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class HostingEnvironment:
    """The few names telemetry wants of HostingEnvironmentConfig; None where absent. Source: wire-protocol.md §2.5."""

    instance_name: str | None
    role_name: str | None
    deployment_name: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedConfig:
    """The instances of one deployment; RDMA values of this one where present. Source: wire-protocol.md §2.6."""

    instance_name: str | None
    addresses: tuple[tuple[str, str], ...]
    rdma_ipv4_address: str | None = None
    rdma_mac_address: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateBundle:
    """The encrypted bundle's document.

    data: CMS EnvelopedData in DER; empty when the fabric has no certificates for this VM.
    Source: wire-protocol.md §3.3.
    """

    incarnation: Incarnation | None
    format: str | None
    data: bytes

    @property
    def usable(self) -> bool:
        """Whether the format is one that holds a PFX (absent counts as such)."""
        return bool(self.data) and self.format in {None, "", "Pkcs7BlobWithPfxContents"}
