"""What a vendor's program is told on its standard input. Schema: docs/schemas/hooks-request.json."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from limpet.appliance.networkos.hooks.verbs import VERSION, Verb
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.appliance.networkos.contract import Pulse
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.site import Nic, Site
    from limpet.guest.translation import DayZero


def request(verb: Verb, site: Site, **more: Any) -> bytes:
    """The document of a verb that concerns the whole appliance. more: members of that verb."""
    leases = [
        {"mac": each.mac, **_lease(site.leases[each.mac])} for each in site.nics if each.mac in site.leases
    ]
    return _about(verb, site, leases=leases, **more)


def _about(verb: Verb, site: Site, **more: Any) -> bytes:
    port = site.port
    return _rendered(
        verb,
        hostName=site.host_name,
        nics=[_nic(each) for each in site.nics],
        guestPort={
            "outer": port.outer,
            "inner": port.inner,
            "outerAddress": str(port.outer_address),
            "innerAddress": str(port.inner_address),
        },
        namespaces={"networkOs": site.network_os, "guest": site.guest},
        dns=[str(each) for each in site.dns],
        platform=[str(each) for each in site.platform],
        **more,
    )


def nic_request(verb: Verb, nic: Nic, lease: AcquiredLease | None, site: Site) -> bytes:
    """The document of a verb that concerns one NIC."""
    return _about(verb, site, nic=_nic(nic), lease=None if lease is None else _lease(lease))


def revive_request(site: Site, pulse: Pulse) -> bytes:
    """The document of `revive`."""
    seen = {"health": pulse.health.value, "problem": pulse.problem, "cause": pulse.cause}
    return request(Verb.REVIVE, site, pulse=seen)


def command_request(line: str) -> bytes:
    """The document of `command`. Its answer is no document: what it prints goes to who asked, with its exit code."""
    return _rendered(Verb.COMMAND, line=line)


def forget_request() -> bytes:
    """The document of `forget`, which concerns what is on the disk: the appliance may be handed over, or not."""
    return _rendered(Verb.FORGET)


def day_zero_request(day_zero: DayZero) -> Secret[bytes]:
    """The document of `day-zero`: with the custom data and the password that the operator chose, and so it is a secret."""
    environment = day_zero.environment
    password = environment.user_password
    members = _rendered(
        Verb.DAY_ZERO,
        vmId=day_zero.vm_id,
        hostName=environment.host_name,
        userName=environment.user_name,
        userPassword=None if password is None else password.reveal(),
        disableSshPasswordAuthentication=environment.disable_ssh_password_authentication,
        publicKeys=[
            {"path": key.path, "fingerprint": key.fingerprint, "value": key.value}
            for key in environment.public_keys
        ],
        customData=None
        if environment.custom_data is None
        else base64.b64encode(day_zero.custom_data.reveal()).decode("ascii"),
    )
    return Secret(members)


def _rendered(verb: Verb, **members: Any) -> bytes:
    document = {"version": VERSION, "verb": verb.value, **members}
    return (json.dumps(document, indent=1) + "\n").encode("ascii")


def _nic(nic: Nic) -> dict[str, Any]:
    return {
        "name": nic.name,
        "mac": nic.mac,
        "primary": nic.primary,
        "device": nic.device,
        "vf": nic.vf,
    }


def _lease(lease: AcquiredLease) -> dict[str, Any]:
    return {
        "address": f"{lease.address}/{lease.prefix}",
        "routes": [
            {"destination": str(each.destination), "gateway": str(each.gateway)} for each in lease.routes
        ],
        "dns": [str(each) for each in lease.dns],
        "domain": lease.domain,
    }
