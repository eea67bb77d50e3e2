"""waagent_policy.json: which extensions an administrator lets run. Source: extensions.md §3.8."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.wire import jsondoc

DOCUMENT = "extension policy"
NEWEST = (0, 1, 0)
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtensionPolicy:
    """names: handlers that are listed, in lower case. signature_required: read, and not enforced, as by the peers."""

    only_listed: bool = False
    names: frozenset[str] = frozenset()
    signature_required: bool = False

    def allows(self, name: str) -> bool:
        """Whether a handler may run."""
        return not self.only_listed or name.lower() in self.names


def parse_extension_policy(body: bytes) -> ExtensionPolicy:
    """Read a policy. Whatever is not known, or of another type, makes all of it invalid. Raises: MalformedDocument."""
    root = _members(jsondoc.parse(body, DOCUMENT), "the document", {"policyVersion", "extensionPolicies"})
    _check_version(root.get("policyVersion"))
    inner = _members(
        root.get("extensionPolicies", {}),
        "extensionPolicies",
        {"allowListedExtensionsOnly", "signatureRequired", "extensions"},
    )
    extensions = _members(inner.get("extensions", {}), "extensionPolicies.extensions")
    for name, entry in extensions.items():
        where = f"extensionPolicies.extensions.{name[:128]}"
        _flag(_members(entry, where, {"signatureRequired", "runtimePolicy"}), where, "signatureRequired")
    return ExtensionPolicy(
        only_listed=_flag(inner, "extensionPolicies", "allowListedExtensionsOnly"),
        names=frozenset(name.lower() for name in extensions),
        signature_required=_flag(inner, "extensionPolicies", "signatureRequired"),
    )


def _check_version(version: Any) -> None:
    if not isinstance(version, str) or _VERSION.match(version) is None:
        raise MalformedDocument(DOCUMENT, "policyVersion is missing or not a version such as 0.1.0")
    if tuple(map(int, version.split("."))) > NEWEST:
        newest = ".".join(map(str, NEWEST))
        raise MalformedDocument(DOCUMENT, f"policyVersion is {version}; at most {newest} is understood")


def _members(value: Any, where: str, known: set[str] | None = None) -> dict[str, Any]:
    members = jsondoc.an_object(value, DOCUMENT, where)
    unknown = set() if known is None else members.keys() - known
    if unknown:
        raise MalformedDocument(DOCUMENT, f"{where} has an unknown member {min(unknown)[:64]!r}")
    return members


def _flag(members: dict[str, Any], where: str, name: str) -> bool:
    value = members.get(name, False)
    if not isinstance(value, bool):
        raise MalformedDocument(DOCUMENT, f"{where}.{name} is neither true nor false")
    return value
