"""Transitions of a VM's goal states: publish, rotate certificates, move to another container, list users."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from limpet.emulator.storage.blobs import Blob
from limpet.emulator.storage.hosting import hosted_by
from limpet.emulator.world.changes import changed, settled
from limpet.emulator.world.vm import (
    CERTIFICATES_KEPT,
    INCARNATIONS_KEPT,
    JitUser,
    Plan,
    Published,
    VirtualMachine,
)
from limpet.model.extensions import BlobType, Channel, ExtensionsGoalState, Source, StatusUpload
from limpet.model.ids import Url
from limpet.model.metadata import Compute
from limpet.model.secret import Secret
from limpet.wire.artifactsprofile import ArtifactsProfile, render_artifacts_profile
from limpet.wire.ticks import ticks_to_text, unix_to_ticks

if TYPE_CHECKING:
    from limpet.emulator.certificates.pki import TenantCertificate
    from limpet.emulator.world.changes import Change
    from limpet.emulator.world.identity import Identity
    from limpet.emulator.world.state import World
    from limpet.model.extensions import AgentFamily

LEAST_TICKS_APART = 10_000
"""Real clients read ticks as a double and resolve some 10 µs; a millisecond is safely above. Source: wire-protocol.md §5.4."""


class StatusBlob(Enum):
    """Whether goal states say where status goes, and the kind of blob."""

    BLOCK = "BlockBlob"
    PAGE = "PageBlob"
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """A new goal state. Everything that is None stays as it was. anew: start from no handlers at all."""

    source: Source = Source.FABRIC
    changes: tuple[Change, ...] = ()
    anew: bool = False
    on_hold: bool | None = None
    required_features: tuple[str, ...] | None = None
    families: tuple[AgentFamily, ...] | None = None
    status_blob: StatusBlob | None = None


def status_path(vm: VirtualMachine) -> str:
    """Where the VM's status blob is."""
    return f"$system/{vm.name}.{vm.identity.vm_id}.status"


def profile_path(vm: VirtualMachine) -> str:
    """Where the VM's artifacts profile is. Source: wire-protocol.md §13."""
    return f"$system/{vm.name}.{vm.identity.vm_id}.vmSettings"


def publish(world: World, name: str, publication: Publication, now: float) -> World:
    """Give the VM a new goal state by one of the two channels. Raises: UnknownVm, ChangeRefused."""
    vm = world.vm(name)
    plan = vm.plan
    if (report := vm.status) is not None and report.status is not None:
        plan = settled(plan, frozenset(h.name.lower() for h in report.status.handlers), report.at)
    if publication.anew:
        plan = replace(plan, handlers=(), leaving={})
    for change in publication.changes:
        plan = changed(plan, change, lambda handler: hosted_by(world, handler), now)
    plan = _edited(plan, publication)
    if plan.on_hold is not None:
        profile = Blob(
            kind=BlobType.BLOCK,
            content=render_artifacts_profile(ArtifactsProfile(on_hold=plan.on_hold)),
            modified=now,
        )
        world = replace(world, blobs=world.blobs.put(profile_path(vm), profile))
    vm = _issued(world, replace(vm, plan=plan), publication.source, now)
    return world.with_vm(vm).tell(now, "goal-state", name, **summary(vm))


def summary(vm: VirtualMachine) -> dict[str, object]:
    """What the newest goal state wants, for people."""
    goal_state = vm.newest.goal_state
    return {
        "source": goal_state.source.value,
        "incarnation": vm.current_incarnation,
        "etag": vm.etag,
        # How reports name the goal state that they answer. Source: wire-protocol.md §14.
        "svdSequenceNumber": vm.current_incarnation
        if goal_state.source is Source.FABRIC
        else str(goal_state.svd_sequence_number),
        "created": goal_state.created,
        "onHold": goal_state.on_hold,
        "handlers": [
            {
                "name": handler.name,
                "version": handler.version,
                "state": handler.wanted.value,
                "extensions": [
                    {"name": settings.name, "sequenceNumber": settings.sequence_number}
                    for settings in handler.settings
                ],
            }
            for handler in goal_state.handlers
        ],
    }


def new_vm(
    world: World,
    identity: Identity,
    now: float,
    *,
    certificates: tuple[TenantCertificate, ...] = (),
) -> VirtualMachine:
    """A VM with its first goal state: incarnation 1, nothing to run."""
    nothing = ExtensionsGoalState(id="", channel=Channel.WIRE_SERVER, source=Source.FABRIC)
    vm = VirtualMachine(
        identity=identity,
        compute=default_compute(world, identity),
        incarnation=0,
        etag_serial=0,
        svd_sequence_number=0,
        newest=Published(goal_state=nothing, ticks=0),
        certificates=certificates,
    )
    return _issued(world, vm, Source.FABRIC, now)


def default_compute(world: World, identity: Identity) -> Compute:
    """What the metadata service says of a VM about which nothing else was said."""
    return Compute(
        location=world.settings.location,
        name=identity.name,
        os_type="Linux",
        resource_group="limpet",
        subscription_id=identity.guid("subscription"),
        vm_id=identity.vm_id,
        vm_size="Standard_B2s",
        platform_fault_domain="0",
        platform_update_domain="0",
    )


def rotate_certificates(
    vm: VirtualMachine, certificate: TenantCertificate, *, retire: bool
) -> VirtualMachine:
    """A new tenant certificate and a new incarnation with nothing else new.

    retire: leave the older ones out of the bundle, so that older settings can no longer be decrypted.
    Source: wire-protocol.md §2.3.
    """
    older = () if retire else vm.certificates[: CERTIFICATES_KEPT - 1]
    return _next_incarnation(replace(vm, certificates=(certificate, *older)))


def hibernate(vm: VirtualMachine, certificate: TenantCertificate) -> VirtualMachine:
    """Resumed elsewhere: new container, deployment and tenant certificate under the same incarnation.

    Source: wire-protocol.md §2.3.
    """
    certificates = (certificate, *vm.certificates[: CERTIFICATES_KEPT - 1])
    return replace(vm, identity=vm.identity.moved(), certificates=certificates)


def list_users(vm: VirtualMachine, users: tuple[JitUser, ...] | None) -> VirtualMachine:
    """Another list of just-in-time users, by a new incarnation. Source: wire-protocol.md §12."""
    return _next_incarnation(replace(vm, users=users))


def _edited(plan: Plan, publication: Publication) -> Plan:
    if publication.on_hold is not None:
        plan = replace(plan, on_hold=publication.on_hold)
    if publication.required_features is not None:
        plan = replace(plan, required_features=publication.required_features)
    if publication.families is not None:
        plan = replace(plan, families=publication.families)
    match publication.status_blob:
        case None:
            return plan
        case StatusBlob.ABSENT:
            return replace(plan, status_blob=None)
        case kind:
            return replace(plan, status_blob=BlobType(kind.value))


def _issued(world: World, vm: VirtualMachine, source: Source, now: float) -> VirtualMachine:
    """The VM with a snapshot of its plan as its newest goal state."""
    ticks = max(unix_to_ticks(now), vm.newest.ticks + LEAST_TICKS_APART)
    vm = replace(vm, etag_serial=vm.etag_serial + 1, svd_sequence_number=vm.svd_sequence_number + 1)
    if source is Source.FABRIC:
        vm = replace(vm, incarnation=vm.incarnation + 1)
    published = Published(goal_state=_snapshot(world, vm, source, ticks), ticks=ticks)
    vm = replace(vm, newest=published)
    return _serving(vm, published) if source is Source.FABRIC else vm


def _next_incarnation(vm: VirtualMachine) -> VirtualMachine:
    """A new incarnation that serves the same ExtensionsConfig."""
    served = vm.fabric[vm.current_incarnation]
    return _serving(replace(vm, incarnation=vm.incarnation + 1), served)


def _serving(vm: VirtualMachine, published: Published) -> VirtualMachine:
    kept = list(vm.fabric.items())[-(INCARNATIONS_KEPT - 1) :]
    return replace(vm, fabric=dict([*kept, (vm.current_incarnation, published)]))


def _snapshot(world: World, vm: VirtualMachine, source: Source, ticks: int) -> ExtensionsGoalState:
    plan, settings = vm.plan, world.settings
    upload = profile = None
    if plan.status_blob is not None:
        url = Secret(settings.blob_url(status_path(vm), "rw"))
        upload = StatusUpload(url=url, blob_type=plan.status_blob)
    if plan.on_hold is not None:
        profile = Secret(Url(settings.blob_url(profile_path(vm), "r")))
    fabric = source is Source.FABRIC
    return ExtensionsGoalState(
        id=f"incarnation_{vm.incarnation}" if fabric else f"etag_{vm.etag}",
        channel=Channel.WIRE_SERVER if fabric else Channel.HOST_PLUGIN,
        source=source,
        created=ticks_to_text(ticks),
        activity_id=vm.identity.guid(f"activity/{vm.svd_sequence_number}"),
        correlation_id=vm.identity.guid(f"correlation/{vm.svd_sequence_number}"),
        svd_sequence_number=vm.svd_sequence_number,
        status_upload=upload,
        artifacts_profile=profile,
        on_hold=plan.on_hold,
        required_features=plan.required_features,
        families=plan.families,
        handlers=plan.handlers,
        host_plugin_version=settings.host_plugin_version,
        schema_version="0.0",
        certificates_revision=0,
        vm_metadata={
            "subscriptionId": vm.compute.subscription_id,
            "resourceGroupName": vm.compute.resource_group,
            "vmName": vm.compute.name,
            "location": vm.compute.location,
            "vmId": vm.compute.vm_id,
            "vmSize": vm.compute.vm_size,
            "osType": vm.compute.os_type,
        },
    )
