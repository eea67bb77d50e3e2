"""The world as JSON for people and tests: nothing secret in it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from limpet.emulator.world.conditions import health_words
from limpet.emulator.world.goalstates import summary
from limpet.model.redact import redacted
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import StatusReport, VirtualMachine


def plain(value: Any) -> Any:
    """A value of the model as JSON: camelCase members, enums by their words, secrets as stars, no SAS tokens."""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, bytes):
        return redacted(value.decode("utf-8", "replace"))
    if is_dataclass(value):
        return {camel(item.name): plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [plain(item) for item in value]
    return value


def camel(name: str) -> str:
    """``some_name`` as ``someName``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def vm_line(vm: VirtualMachine) -> dict[str, Any]:
    """A VM in a list."""
    health = vm.inbox.health.latest
    return {
        "name": vm.name,
        "address": vm.address,
        "vmId": vm.identity.vm_id,
        "containerId": vm.identity.container_id,
        "incarnation": vm.current_incarnation,
        "etag": vm.etag,
        "health": health_words(health.value) if health else None,
        "healthAt": health.at if health else None,
        "hostName": vm.registered_name.value if vm.registered_name else None,
        "statusReports": vm.inbox.statuses.seen,
    }


def vm_whole(world: World, vm: VirtualMachine) -> dict[str, Any]:
    """A VM with its goal states and counts of what it sent."""
    inbox = vm.inbox
    return {
        **vm_line(vm),
        "instanceId": vm.identity.instance_id,
        "configName": vm.identity.config_name,
        "goalState": summary(vm),
        "incarnationsServed": list(vm.fabric),
        "incarnationsSeen": list(vm.incarnations_seen),
        "etagsSeen": list(vm.etags_seen),
        "onHold": vm.plan.on_hold,
        "requiredFeatures": list(vm.plan.required_features),
        "families": plain(vm.plan.families),
        "statusBlob": vm.plan.status_blob.value if vm.plan.status_blob else None,
        "certificates": [certificate.thumbprint for certificate in vm.certificates],
        "users": None if vm.users is None else [user.name for user in vm.users],
        "requests": world.ledger.seen(vm.name),
        "received": {
            "health": inbox.health.seen,
            "roleProperties": inbox.role_properties.seen,
            "observations": inbox.observations.seen,
            "telemetry": inbox.telemetry.seen,
            "logs": inbox.logs.seen,
        },
        "latestLog": plain(inbox.logs.latest),
        "roleProperties": plain(inbox.role_properties.latest),
        "appliance": _appliance(vm),
    }


def _appliance(vm: VirtualMachine) -> dict[str, Any] | None:
    """What somebody told of the VM's appliance, and the status gaps that the fabric saw."""
    known = vm.appliance
    if known is None:
        return None
    gaps = [{**plain(gap), "seconds": gap.seconds} for gap in known.gaps]
    return {"at": known.at, "document": plain(known.document), "gaps": gaps}


def health_reports(vm: VirtualMachine) -> list[dict[str, Any]]:
    """The latest provisioning reports, oldest first."""
    return [
        {"at": report.at, "words": health_words(report.value), **plain(report.value)}
        for report in vm.inbox.health
    ]


def provisioning(vm: VirtualMachine) -> dict[str, Any]:
    """How a VM was provisioned, as far as the fabric heard of it."""
    named = vm.registered_name
    return {
        "reports": health_reports(vm),
        "roleProperties": [
            {"at": sent.at, "properties": dict(plain(sent.value.properties))}
            for sent in vm.inbox.role_properties
        ],
        "hostName": None if named is None else {"at": named.at, "name": plain(named.value)},
        "nics": [
            {"mac": nic.mac, "address": nic.address, "leasedAt": vm.leases.get(nic.mac)} for nic in vm.nics
        ],
    }


def report(found: StatusReport, *, raw: bool) -> dict[str, Any]:
    """A status report. raw: with its text, redacted."""
    shown = {
        "serial": found.serial,
        "at": found.at,
        "channel": found.channel,
        "blobType": found.kind.value,
        "problem": found.problem,
        "status": plain(found.status),
    }
    return {**shown, "raw": plain(found.raw)} if raw else shown
