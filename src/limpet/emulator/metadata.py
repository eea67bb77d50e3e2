"""A VM as the instance metadata service tells of it, in each version of its API that clients ask for."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from limpet.model.metadata import Instance, NetworkInterface
from limpet.wire.imds import instance_members

if TYPE_CHECKING:
    from limpet.emulator.vm import VirtualMachine

VERSIONS = ("2017-04-02", "2017-08-01", "2018-02-01", "2019-06-01", "2020-09-01", "2021-02-01", "2021-08-01")
"""Versions served; each has at least what the one before it has."""


def instance(vm: VirtualMachine, version: str, *, extended: bool) -> dict[str, Any]:
    """The instance document. Source: wire-protocol.md §10, §A.2."""
    network = ip_interface(f"{vm.address}/24" if "." in vm.address else f"{vm.address}/64").network
    interface = NetworkInterface(
        mac=vm.identity.mac,
        private_addresses=(vm.address,),
        subnets=((str(network.network_address), network.prefixlen),),
    )
    document = instance_members(Instance(compute=vm.compute, interfaces=(interface,)))
    compute = document["compute"]
    if version >= "2019-06-01":
        compute |= _since_2019(vm)
    if version >= "2020-09-01":
        compute["osProfile"] = _os_profile(vm)
    if version >= "2021-02-01":
        compute["userData"] = vm.account.user_data
    if extended and version >= "2021-08-01":
        document["extended"] = {
            "compute": {"hasCustomData": vm.account.has_custom_data, "ppsType": "None"},
        }
    return document


def _since_2019(vm: VirtualMachine) -> dict[str, Any]:
    name = vm.compute.name
    group = f"/subscriptions/{vm.compute.subscription_id}/resourceGroups/{vm.compute.resource_group}"
    return {
        "azEnvironment": "AzurePublicCloud",
        "customData": "",
        "plan": {"name": "", "product": "", "publisher": ""},
        "provider": "Microsoft.Compute",
        "publicKeys": [
            {"keyData": key, "path": f"/home/{vm.account.user_name}/.ssh/authorized_keys"}
            for key in vm.account.public_keys
        ],
        "resourceId": f"{group}/providers/Microsoft.Compute/virtualMachines/{name}",
        "tagsList": [],
    }


def _os_profile(vm: VirtualMachine) -> dict[str, str]:
    return {
        "adminUsername": vm.account.user_name,
        "computerName": vm.account.computer_name or vm.compute.name,
        "disablePasswordAuthentication": "true" if vm.account.disable_password else "false",
    }


def find(document: Any, path: list[str]) -> Any:
    """The part of `document` at `path`; array members by number. Raises: LookupError."""
    for step in path:
        if isinstance(document, list):
            if not step.isdecimal() or int(step[:6]) >= len(document):
                raise LookupError(step)
            document = document[int(step)]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            raise LookupError(step)
    return document


def as_text(part: Any) -> str:
    """A leaf as itself, anything else as the names of its members, one on each line."""
    if isinstance(part, dict):
        return "\n".join(f"{name}/" if isinstance(part[name], dict | list) else name for name in part)
    if isinstance(part, list):
        return "\n".join(f"{index}/" for index in range(len(part)))
    return "true" if part is True else "false" if part is False else str(part)
