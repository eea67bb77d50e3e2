"""A VM as the instance metadata service tells of it, in each version of its API. Source: wire-protocol.md §10, §A.2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from limpet.model.metadata import Instance, NetworkInterface
from limpet.wire.imds import instance_members

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.emulator.world.vm import Nic, VirtualMachine

VERSIONS = (
    "2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01", "2018-04-02", "2018-10-01",
    "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01",
    "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01", "2021-01-01", "2021-02-01", "2021-03-01",
    "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01", "2021-11-15", "2021-12-13", "2023-07-01", "2023-11-15",
)  # fmt: skip
"""Versions served; each has at least what the one before it has."""

EXTENDED_SINCE = "2021-08-01"
_INDEX = re.compile(r"[0-9]{1,6}\Z")


def instance(vm: VirtualMachine, version: str, *, extended: bool) -> dict[str, Any]:
    """The instance document; `extended` only where a newer version has it."""
    document = instance_members(Instance(compute=vm.compute, interfaces=tuple(map(_interface, vm.nics))))
    compute = document["compute"]
    for since, name, member in _MEMBERS:
        if version >= since:
            compute[name] = member(vm)
    if extended and version >= EXTENDED_SINCE:
        document["extended"] = {
            "compute": {"hasCustomData": vm.account.has_custom_data, "ppsType": vm.pps_type},
        }
    return document


def _interface(nic: Nic) -> NetworkInterface:
    return NetworkInterface(
        mac=nic.mac,
        private_addresses=(nic.address,),
        subnets=((str(nic.network.network_address), nic.network.prefixlen),),
    )


def _public_keys(vm: VirtualMachine) -> list[dict[str, str]]:
    path = f"/home/{vm.account.user_name}/.ssh/authorized_keys"
    return [{"keyData": key, "path": path} for key in vm.account.public_keys]


def _resource_id(vm: VirtualMachine) -> str:
    group = f"/subscriptions/{vm.compute.subscription_id}/resourceGroups/{vm.compute.resource_group}"
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{vm.compute.name}"


def _os_profile(vm: VirtualMachine) -> dict[str, str]:
    return {
        "adminUsername": vm.account.user_name,
        "computerName": vm.account.computer_name or vm.compute.name,
        "disablePasswordAuthentication": "true" if vm.account.disable_password else "false",
    }


def _storage_profile(vm: VirtualMachine) -> dict[str, Any]:
    compute = vm.compute
    return {
        "dataDisks": [],
        "imageReference": {
            "id": "", "offer": compute.offer, "publisher": compute.publisher, "sku": compute.sku,
            "version": compute.version or "latest",
        },
        "osDisk": {
            "caching": "ReadWrite", "createOption": "FromImage", "diffDiskSettings": {"option": ""},
            "diskSizeGB": "30", "encryptionSettings": {"enabled": "false"}, "image": {"uri": ""},
            "managedDisk": {"id": "", "storageAccountType": "Premium_LRS"}, "name": f"{compute.name}_OsDisk",
            "osType": compute.os_type, "vhd": {"uri": ""}, "writeAcceleratorEnabled": "false",
        },
        "resourceDisk": {"size": "16384"},
    }  # fmt: skip


def _always(value: Any) -> Callable[[VirtualMachine], Any]:
    return lambda _: value


_MEMBERS: tuple[tuple[str, str, Callable[[VirtualMachine], Any]], ...] = (
    ("2018-04-02", "plan", _always({"name": "", "product": "", "publisher": ""})),
    ("2018-04-02", "publicKeys", _public_keys),
    ("2018-10-01", "azEnvironment", _always("AzurePublicCloud")),
    ("2018-10-01", "provider", _always("Microsoft.Compute")),
    ("2019-02-01", "customData", _always("")),  # the service has never told it
    ("2019-03-11", "resourceId", _resource_id),
    ("2019-06-01", "storageProfile", _storage_profile),
    ("2019-06-04", "tagsList", _always([])),
    ("2020-06-01", "isHostCompatibilityLayerVm", _always("false")),
    ("2020-06-01", "securityProfile", _always({"secureBootEnabled": "false", "virtualTpmEnabled": "false"})),
    ("2020-07-15", "osProfile", _os_profile),
    ("2020-09-01", "licenseType", _always("")),
    ("2020-12-01", "evictionPolicy", _always("")),
    ("2020-12-01", "priority", _always("")),
    ("2021-01-01", "userData", lambda vm: vm.account.user_data),
    ("2021-03-01", "extendedLocation", _always({"name": "", "type": ""})),
    ("2021-03-01", "virtualMachineScaleSet", _always({"id": ""})),
    ("2021-11-01", "additionalCapabilities", _always({"hibernationEnabled": "false"})),
    ("2021-11-15", "host", _always({"id": ""})),
    ("2021-11-15", "hostGroup", _always({"id": ""})),
    ("2023-11-15", "physicalZone", _always("")),
)
"""Since which version the compute document has which member. Source: the service's published reference."""


def find(document: Any, path: list[str]) -> Any:
    """The part of `document` at `path`; array members by number. Raises: LookupError."""
    for step in path:
        if isinstance(document, list):
            if not _INDEX.match(step) or int(step) >= len(document):
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
