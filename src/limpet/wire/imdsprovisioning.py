"""What instance metadata says of how to provision a VM, as cloud-init asks for it. Source: guest-setup.md §J.1, wire-protocol.md §A.2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.model.metadata import ProvisioningMetadata
from limpet.model.provisioning import PublicKey
from limpet.model.secret import Secret
from limpet.wire import imds, jsondoc
from limpet.wire.http import MIB, Request
from limpet.wire.scalars import scalar_text

DOCUMENT = imds.DOCUMENT
NEWEST, OLDEST = "2021-08-01", "2019-06-01"
"""The version to ask for, and the one to ask for when the service answers 400 to that."""
REPROVISION_VERSION = "2019-06-01"
TIMEOUT = 30.0
_MOST_KEYS = 256
_BOOLEANS = {"true": True, "false": False}
_HEX = frozenset("0123456789abcdef")


def provisioning_request(client_request_id: str, *, newest: bool = True) -> Request:
    """Ask for the whole instance document."""
    request = imds.instance_request(api_version=NEWEST if newest else OLDEST, extended=newest)
    headers = {"Metadata": "true", "x-ms-client-request-id": client_request_id}
    return replace(request, headers=headers, timeout=TIMEOUT)


def reprovision_request(client_request_id: str) -> Request:
    """Ask for the document that makes a pre-provisioned VM somebody's; 404 while it is nobody's. Source: guest-setup.md §A.14."""
    headers = {"Metadata": "true", "x-ms-client-request-id": client_request_id, "Connection": "close"}
    url = f"http://{imds.ENDPOINT}/metadata/reprovisiondata?api-version={REPROVISION_VERSION}"
    return Request(method="GET", url=url, headers=headers, limit=MIB, timeout=TIMEOUT)


def parse_provisioning(body: bytes) -> ProvisioningMetadata:
    """Read the document; what is missing is None. Raises: MalformedDocument, naming the member that cannot be used."""
    root = jsondoc.parse(body, DOCUMENT, limit=MIB)
    compute = _object(root, "compute", "")
    profile = _object(compute, "osProfile", "compute.")
    extended = _object(_object(root, "extended", ""), "compute", "extended.")
    user_data = _text(compute, "userData", "compute.")
    pps_type = _text(extended, "ppsType", "extended.compute.")
    return ProvisioningMetadata(
        vm_id=_text(compute, "vmId", "compute."),
        user_name=_text(profile, "adminUsername", "compute.osProfile."),
        host_name=_text(profile, "computerName", "compute.osProfile.") or _text(compute, "name", "compute."),
        disable_password_authentication=_boolean(
            profile, "disablePasswordAuthentication", "compute.osProfile."
        ),
        public_keys=tuple(_keys(compute)),
        user_data=None if user_data is None else Secret(user_data),
        has_custom_data=_boolean(extended, "hasCustomData", "extended.compute.") or False,
        pps_type=None if pps_type in {None, "None"} else pps_type,
        macs=tuple(_macs(_object(root, "network", ""))),
    )


def _keys(compute: dict[str, Any]) -> list[PublicKey]:
    found = []
    for index, entry in enumerate(_array(compute, "publicKeys", "compute.")[:_MOST_KEYS]):
        where = f"compute.publicKeys[{index}]."
        if not isinstance(entry, dict):
            raise MalformedDocument(DOCUMENT, f"{where.rstrip('.')} is not an object")
        value = _text(entry, "keyData", where)
        if value is not None:
            found.append(PublicKey(path=_text(entry, "path", where) or "", value=value))
    return found


def _macs(network: dict[str, Any]) -> list[str]:
    found = []
    for index, entry in enumerate(_array(network, "interface", "network.")[:_MOST_KEYS]):
        where = f"network.interface[{index}]."
        mac = _text(entry, "macAddress", where) if isinstance(entry, dict) else None
        digits = (mac or "").replace("-", "").replace(":", "").lower()
        if len(digits) == 12 and set(digits) <= _HEX:
            found.append(digits)
    return found


def _object(members: Any, name: str, where: str) -> dict[str, Any]:
    if not isinstance(members, dict):
        raise MalformedDocument(DOCUMENT, f"{where.rstrip('.') or 'the document'} is not an object")
    value = members.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedDocument(DOCUMENT, f"{where}{name} is not an object")
    return value


def _array(members: dict[str, Any], name: str, where: str) -> list[Any]:
    value = members.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedDocument(DOCUMENT, f"{where}{name} is not an array")
    return value


def _text(members: dict[str, Any], name: str, where: str) -> str | None:
    return scalar_text(members.get(name), DOCUMENT, f"{where}{name}") or None


def _boolean(members: dict[str, Any], name: str, where: str) -> bool | None:
    """The service writes some as text."""
    value = members.get(name)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str) else "?"
    if word == "":
        return None
    if word not in _BOOLEANS:
        raise MalformedDocument(DOCUMENT, f"{where}{name} is neither true nor false")
    return _BOOLEANS[word]
