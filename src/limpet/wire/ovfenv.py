"""ovf-env.xml, the provisioning media's document. Source: guest-setup.md §A.1, §A.3; wire-protocol.md §7.4.

Elements are known by namespace and local name; prefixes vary. What may stand once and stands twice is refused: which of
two users or passwords is meant must not be guessed.
"""

from __future__ import annotations

import re

from limpet.model.errors import MalformedDocument
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import KeyPair, OvfEnvironment, PlatformSettings, PublicKey
from limpet.model.secret import Secret
from limpet.wire import xml
from limpet.wire.http import MIB

DOCUMENT = "ovf-env.xml"
OVF = "http://schemas.dmtf.org/ovf/environment/1"
AZURE = "http://schemas.microsoft.com/windowsazure"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

_THUMBPRINT = re.compile(r"[0-9A-F]{40}\Z")
_REDACTED = re.compile(r"REDACTED\Z|\*+\Z")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def parse_ovf_environment(body: bytes) -> OvfEnvironment:
    """Read the document; NULs after it and anything before its declaration are tolerated, and UTF-16 with its mark.

    A password that another agent has redacted counts as absent, and so does an element that says so (xsi:nil). Raises:
    MalformedDocument, also for names that are empty, elements that stand twice, and booleans that are none.
    """
    root = _root(body)
    provisioning = _required(root, "ProvisioningSection")
    configuration = _required(provisioning, "LinuxProvisioningConfigurationSet")
    platform = _required(_required(root, "PlatformSettingsSection"), "PlatformSettings")
    ssh = _one(configuration, "SSH")
    return OvfEnvironment(
        host_name=_name(_required(configuration, "HostName")),
        user_name=_name_or_none(_one(configuration, "UserName")),
        user_password=_password(_one(configuration, "UserPassword")),
        custom_data=_secret(_one(configuration, "CustomData")),
        disable_ssh_password_authentication=_boolean(_one(configuration, "DisableSshPasswordAuthentication")),
        public_keys=tuple(_public_key(key) for key in _list(ssh, "PublicKeys", "PublicKey")),
        key_pairs=tuple(_key_pair(pair) for pair in _list(ssh, "KeyPairs", "KeyPair")),
        platform=_platform(platform),
        version=xml.text(_one(provisioning, "Version")) or "1.0",
    )


def _root(body: bytes) -> xml.Element:
    root = xml.parse(_bare(body), DOCUMENT, root="Environment", limit=MIB)
    if root.namespace != OVF:
        raise MalformedDocument(DOCUMENT, f"element Environment is not in the namespace {OVF}")
    return root


def _bare(body: bytes) -> bytes:
    """The document alone, in UTF-8. Raises: MalformedDocument."""
    if body[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            body = body.decode("utf-16").encode()
        except UnicodeDecodeError as error:
            raise MalformedDocument(DOCUMENT, f"not UTF-16: {error.reason} at byte {error.start}") from None
    begin = body.find(b"<")
    return body[begin if body.startswith(b"<?xml", begin) else 0 :].rstrip(b"\0")


def _platform(platform: xml.Element) -> PlatformSettings:
    kind = _one(platform, "PreprovisionedVMType")
    if kind is None:  # the other spelling occurs (guest-setup.md §L, defect 22)
        kind = _one(platform, "PreprovisionedVmType")
    word = xml.text(kind) or "None"
    return PlatformSettings(
        provision_guest_agent=_boolean(_one(platform, "ProvisionGuestAgent")),
        preprovisioned_vm=_boolean(_one(platform, "PreprovisionedVm")) or False,
        preprovisioned_vm_type=None if word == "None" else word,
        provision_guest_proxy_agent=_boolean(_one(platform, "ProvisionGuestProxyAgent")) or False,
    )


def _public_key(key: xml.Element) -> PublicKey:
    value = xml.text(_one(key, "Value")) or None
    fingerprint = (xml.text(_one(key, "Fingerprint")) or "").upper()
    usable = bool(_THUMBPRINT.match(fingerprint))
    if value is None and not usable:
        raise MalformedDocument(
            DOCUMENT, "a PublicKey has neither a Value nor a Fingerprint of 40 hex digits"
        )
    return PublicKey(
        path=xml.text(_one(key, "Path")) or "",
        fingerprint=Thumbprint(fingerprint) if usable else None,
        value=value,
    )


def _key_pair(pair: xml.Element) -> KeyPair:
    path = xml.text(_one(pair, "Path"))
    fingerprint = (xml.text(_one(pair, "Fingerprint")) or "").upper()
    if not path or not _THUMBPRINT.match(fingerprint):
        raise MalformedDocument(DOCUMENT, "a KeyPair lacks its Path or a Fingerprint of 40 hex digits")
    return KeyPair(path=path, fingerprint=Thumbprint(fingerprint))


def _named(parent: xml.Element, name: str) -> tuple[xml.Element, ...]:
    return tuple(found for found in xml.children(parent, name) if found.namespace == AZURE)


def _one(parent: xml.Element, name: str) -> xml.Element | None:
    found = _named(parent, name)
    if len(found) > 1:
        raise MalformedDocument(DOCUMENT, f"element {name} stands {len(found)} times in {parent.name}")
    return found[0] if found and not _is_nil(found[0]) else None


def _is_nil(element: xml.Element) -> bool:
    """Whether it says of itself that it is not there."""
    return element.attributes.get("nil") in {"true", "1"} and not element.text.strip()


def _required(parent: xml.Element, name: str) -> xml.Element:
    found = _one(parent, name)
    if found is None:
        raise MalformedDocument(DOCUMENT, f"element {name} is missing in {parent.name}")
    return found


def _list(parent: xml.Element | None, group: str, name: str) -> tuple[xml.Element, ...]:
    found = None if parent is None else _one(parent, group)
    return () if found is None else _named(found, name)


def _name(element: xml.Element) -> str:
    name = element.text.strip()
    if not name:
        raise MalformedDocument(DOCUMENT, f"element {element.name} is empty")
    return name


def _name_or_none(element: xml.Element | None) -> str | None:
    return None if element is None else _name(element)


def _password(element: xml.Element | None) -> Secret[str] | None:
    """White space may belong to a password, so it stays; where there is nothing else it is layout."""
    if element is None or not element.text.strip() or _REDACTED.match(element.text):
        return None
    return Secret(element.text)


def _secret(element: xml.Element | None) -> Secret[str] | None:
    return Secret(element.text) if element is not None and element.text.strip() else None


def _boolean(element: xml.Element | None) -> bool | None:
    word = xml.text(element)
    if element is None or not word:
        return None
    if word.lower() not in _BOOLEANS:
        raise MalformedDocument(DOCUMENT, f"element {element.name} is neither true nor false")
    return _BOOLEANS[word.lower()]


def render_ovf_environment(environment: OvfEnvironment) -> bytes:
    """Give the document with all its secrets, in the prefixes of the real media."""
    ssh = (
        f"<SSH><PublicKeys>{''.join(_render_public_key(key) for key in environment.public_keys)}</PublicKeys>"
        f"<KeyPairs>{''.join(_render_key_pair(pair) for pair in environment.key_pairs)}</KeyPairs></SSH>"
    )
    password, custom_data = environment.user_password, environment.custom_data
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<Environment xmlns="{OVF}" xmlns:wa="{AZURE}" xmlns:xsi="{SCHEMA_INSTANCE}">'
        f"<wa:ProvisioningSection><wa:Version>{xml.escape_text(environment.version)}</wa:Version>"
        f'<LinuxProvisioningConfigurationSet xmlns="{AZURE}">'
        "<ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>"
        f"{_element('HostName', environment.host_name)}{_element('UserName', environment.user_name)}"
        f"{_element('UserPassword', None if password is None else password.reveal())}"
        f"{_flag('DisableSshPasswordAuthentication', environment.disable_ssh_password_authentication)}"
        f"{ssh}{_element('CustomData', None if custom_data is None else custom_data.reveal())}"
        "</LinuxProvisioningConfigurationSet></wa:ProvisioningSection>"
        "<wa:PlatformSettingsSection><wa:Version>1.0</wa:Version>"
        f"{_render_platform(environment.platform)}</wa:PlatformSettingsSection></Environment>\n"
    ).encode()


def _render_platform(platform: PlatformSettings) -> str:
    kind = platform.preprovisioned_vm_type
    return (
        f"<wa:PlatformSettings>{_flag('wa:ProvisionGuestAgent', platform.provision_guest_agent)}"
        '<wa:GuestAgentPackageName xsi:nil="true"/>'
        f"{_flag('wa:PreprovisionedVm', platform.preprovisioned_vm)}"
        + (_element("wa:PreprovisionedVMType", kind) or '<wa:PreprovisionedVMType xsi:nil="true"/>')
        + f"{_flag('wa:ProvisionGuestProxyAgent', platform.provision_guest_proxy_agent)}</wa:PlatformSettings>"
    )


def _render_public_key(key: PublicKey) -> str:
    members = _element("Fingerprint", key.fingerprint) + _element("Path", key.path)
    return f"<PublicKey>{members}{_element('Value', key.value)}</PublicKey>"


def _render_key_pair(pair: KeyPair) -> str:
    return f"<KeyPair>{_element('Fingerprint', pair.fingerprint)}{_element('Path', pair.path)}</KeyPair>"


def _element(name: str, value: str | None) -> str:
    return "" if value is None else f"<{name}>{xml.escape_text(value)}</{name}>"


def _flag(name: str, value: bool | None) -> str:
    return "" if value is None else _element(name, "true" if value else "false")


def redacted_ovf_environment(body: bytes) -> bytes:
    """Give a copy without any password element, to keep on disk; elements this code does not know stay.

    Comments and prefixes are not kept. Raises: MalformedDocument, only when `body` is not this document at all.
    """
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_serialized(_root(body), None)}\n'.encode()


def _serialized(element: xml.Element, default: str | None) -> str:
    """default: the namespace of names without a prefix; None for the root."""
    name, declared = element.name, ""
    if default is None:
        declared = f' xmlns="{OVF}" xmlns:wa="{AZURE}" xmlns:xsi="{SCHEMA_INSTANCE}"'
        default = element.namespace
    elif element.namespace == AZURE:
        name = f"wa:{name}"
    elif element.namespace != default:
        default = element.namespace
        declared = f' xmlns="{xml.escape_attribute(default)}"'
    attributes = "".join(
        f' {"xsi:nil" if key == "nil" else key}="{xml.escape_attribute(value)}"'
        for key, value in element.attributes.items()
    )
    kept = [child for child in element.children if not _holds_password(child.name.lower())]
    text = element.text if not element.children or element.text.strip() else ""
    content = xml.escape_text(text) + "".join(_serialized(child, default) for child in kept)
    return f"<{name}{declared}{attributes}>{content}</{name}>"


def _holds_password(name: str) -> bool:
    """Whether an element is left out, by its name in lower case. Source: guest-setup.md §A.3."""
    return name.endswith("password") or "userpassword" in name
