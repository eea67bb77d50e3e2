"""One VM as the fabric knows it: who it is, what is wanted of it, what was published, what it reported."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Generic, TypeVar

from limpet.emulator.world.ring import Ring
from limpet.model.extensions import BlobType, ExtensionsGoalState, Source
from limpet.model.ids import Incarnation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network, IPv6Network

    from limpet.emulator.certificates.pki import TenantCertificate
    from limpet.emulator.dashboard.appliance import Appliance
    from limpet.emulator.world.identity import Identity
    from limpet.model.extensions import AgentFamily, Handler
    from limpet.model.health import Observation, ProvisioningState, ProvisioningSubStatus, RoleProperties
    from limpet.model.ids import ContainerId, Etag, InstanceId
    from limpet.model.metadata import Compute
    from limpet.model.secret import Secret
    from limpet.model.status import AgentStatus
    from limpet.model.telemetry import Event

T = TypeVar("T")

INCARNATIONS_KEPT = 8
CERTIFICATES_KEPT = 8
GOAL_STATES_REMEMBERED = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Received(Generic[T]):
    """Something a VM sent. at: seconds since 1970."""

    at: float
    value: T


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusReport:
    """One content of the status blob.

    serial: counts the VM's reports from 1. channel: ``host-plugin`` or ``direct``.
    raw: the bytes without the padding of page blobs; size: how many they were. status: None when they could not be read, or
    are no longer kept; then `problem` says why.
    """

    serial: int
    at: float
    channel: str
    kind: BlobType
    raw: bytes
    status: AgentStatus | None
    problem: str | None = None
    size: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedLog:
    """A log bundle that was uploaded: not kept, only measured."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvisioningReport:
    """What a VM said of its provisioning. form: ``xml`` or ``json``. agent: who sent it, in its own words.

    incarnation, container_id, instance_id: only in XML. Source: guest-setup.md §A.13.
    """

    form: str
    state: ProvisioningState
    sub_status: ProvisioningSubStatus | None = None
    description: str | None = None
    agent: str = ""
    incarnation: Incarnation | None = None
    container_id: ContainerId | None = None
    instance_id: InstanceId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbox:
    """What a VM sent, each kind bounded. health: provisioning reports of either form."""

    statuses: Ring[StatusReport] = field(default_factory=lambda: Ring(capacity=200))
    health: Ring[Received[ProvisioningReport]] = field(default_factory=lambda: Ring(capacity=200))
    role_properties: Ring[Received[RoleProperties]] = field(default_factory=lambda: Ring(capacity=50))
    observations: Ring[Received[Observation]] = field(default_factory=lambda: Ring(capacity=500))
    telemetry: Ring[Received[Event]] = field(default_factory=lambda: Ring(capacity=2000))
    logs: Ring[Received[UploadedLog]] = field(default_factory=lambda: Ring(capacity=50))


@dataclass(frozen=True, kw_only=True, slots=True)
class JitUser:
    """A just-in-time user. expiration: ``Tue, 01 Jan 2030 00:00:00 GMT``. Source: wire-protocol.md §12."""

    name: str
    password: Secret[str]
    expiration: str
    groups: tuple[str, ...] = ("Administrators",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Whom the VM is provisioned for, as its disc and the metadata service tell it.

    password, custom_data: only on the disc; custom_data and user_data are base64.
    pps_type: of a pre-provisioned VM, ``None`` for all others. provision_guest_agent: None when the disc does not say.
    """

    user_name: str = "azureuser"
    computer_name: str = ""
    disable_password: bool = True
    public_keys: tuple[str, ...] = ()
    user_data: str = ""
    has_custom_data: bool = False
    password: Secret[str] | None = None
    custom_data: Secret[str] | None = None
    pps_type: str = "None"
    provision_guest_agent: bool | None = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Nic:
    """A network interface of a VM. mac: 12 upper-case hex digits. address: IPv4 where DHCP is to give it."""

    mac: str
    address: str

    @property
    def network(self) -> IPv4Network | IPv6Network:
        """Its subnet, of the size that the platform proposes."""
        return ip_interface(f"{self.address}/{24 if '.' in self.address else 64}").network


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is wanted of a VM; a goal state is a snapshot of it.

    handlers: in order. leaving: handlers on their way out, by lower-case name, with the time their removal was
    published; they stay in goal states until a later report no longer names them.
    on_hold: None when the VM has no artifacts profile. status_blob: None when goal states name no status blob.
    """

    handlers: tuple[Handler, ...] = ()
    leaving: Mapping[str, float] = field(default_factory=dict, hash=False)
    families: tuple[AgentFamily, ...] = ()
    required_features: tuple[str, ...] = ()
    on_hold: bool | None = None
    status_blob: BlobType | None = BlobType.BLOCK


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """An extensions goal state and when it was made, in ticks of 100 ns since year 1."""

    goal_state: ExtensionsGoalState
    ticks: int

    @property
    def source(self) -> Source:
        """Which control plane made it."""
        return self.goal_state.source


@dataclass(frozen=True, kw_only=True, slots=True)
class VirtualMachine:
    """A VM.

    incarnation: of the wire server's goal state. etag_serial: counts the host plugin's documents.
    fabric: what each of the latest incarnations serves as ExtensionsConfig; newest last.
    newest: the newest goal state of either channel: what the host plugin answers.
    certificates: newest first; older ones stay in the bundle so that older settings can still be decrypted.
    users: None when the goal state names no list of just-in-time users.
    incarnations_seen, etags_seen: which goal states were handed out, in order, without repetitions.
    telemetry_calls: arrival times of the latest posts, for throttling.
    more_nics: beside the primary one. leases: by MAC, when its address was last given by DHCP.
    registered_name: the host name of the last DHCP request: what the platform's DNS knows.
    reprovision_data: the ovf-env.xml that a pre-provisioned VM is waiting for; None while there is none.
    appliance: what somebody told of it; None for a plain VM.
    """

    identity: Identity
    compute: Compute
    incarnation: int
    etag_serial: int
    svd_sequence_number: int
    account: Account = field(default_factory=Account)
    plan: Plan = field(default_factory=Plan)
    fabric: Mapping[Incarnation, Published] = field(default_factory=dict, hash=False)
    newest: Published
    certificates: tuple[TenantCertificate, ...] = ()
    users: tuple[JitUser, ...] | None = None
    inbox: Inbox = field(default_factory=Inbox)
    incarnations_seen: tuple[Incarnation, ...] = ()
    etags_seen: tuple[Etag, ...] = ()
    telemetry_calls: tuple[float, ...] = ()
    more_nics: tuple[Nic, ...] = ()
    leases: Mapping[str, float] = field(default_factory=dict, hash=False)
    registered_name: Received[str] | None = None
    reprovision_data: Secret[bytes] | None = None
    appliance: Appliance | None = None

    @property
    def pps_type(self) -> str:
        """How it waits in a pool; ``None`` for a VM that was given to somebody, as for all others."""
        return self.account.pps_type if self.reprovision_data is None else "None"

    @property
    def nics(self) -> tuple[Nic, ...]:
        """Its interfaces, the primary one first."""
        return (Nic(mac=self.identity.mac, address=self.identity.address), *self.more_nics)

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.identity.name

    @property
    def address(self) -> str:
        """The address its requests come from."""
        return self.identity.address

    @property
    def current_incarnation(self) -> Incarnation:
        """The incarnation as documents spell it."""
        return Incarnation(str(self.incarnation))

    @property
    def etag(self) -> Etag:
        """Names the current vmSettings document."""
        return self.identity.etag(self.etag_serial)

    @property
    def status(self) -> StatusReport | None:
        """The newest report that could be read."""
        return next((report for report in reversed(self.inbox.statuses.items) if report.status), None)

    def saw(self, *, incarnation: Incarnation | None = None, etag: Etag | None = None) -> VirtualMachine:
        """Note which goal state was handed out."""
        vm = self
        if incarnation is not None and self.incarnations_seen[-1:] != (incarnation,):
            vm = replace(
                vm, incarnations_seen=(*self.incarnations_seen, incarnation)[-GOAL_STATES_REMEMBERED:]
            )
        if etag is not None and self.etags_seen[-1:] != (etag,):
            vm = replace(vm, etags_seen=(*self.etags_seen, etag)[-GOAL_STATES_REMEMBERED:])
        return vm
