"""The list of just-in-time users. Source: wire-protocol.md §12."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.ids import Incarnation
from limpet.model.remoteaccess import RemoteAccess, RemoteUser
from limpet.wire import xml
from limpet.wire.certificates import Cipher, decoded, transport_headers
from limpet.wire.http import Request

if TYPE_CHECKING:
    from limpet.model.ids import Url

DOCUMENT = "RemoteAccess"
LARGEST = 1024 * 1024
"""A list beyond it is refused, bytes: the agent keeps it until the last access in it has ended."""


def remote_access_request(url: Url, certificate: str) -> Request:
    """Ask for the list; passwords come encrypted to the transport certificate (base64 DER on one line)."""
    return Request(
        method="GET",
        url=url,
        headers=transport_headers(certificate, Cipher.AES128_CBC),
        limit=LARGEST,
    )


def parse_remote_access(body: bytes) -> RemoteAccess:
    """Read the list. A user who cannot be read stays in it, marked. Raises: MalformedDocument."""
    root = xml.parse(body, DOCUMENT, root=DOCUMENT)
    incarnation = xml.text(xml.child(root, "Incarnation"))
    return RemoteAccess(
        incarnation=Incarnation(incarnation) if incarnation else None,
        version=xml.text(xml.child(root, "Version")) or None,
        users=tuple(_user(user) for user in xml.children(xml.child(root, "Users"), "User")),
    )


def _user(user: xml.Element) -> RemoteUser:
    groups = (xml.text(group) for group in xml.children(xml.child(user, "Groups"), "GroupName"))
    password, invalid = b"", None
    try:
        xml.required(user, "Name", DOCUMENT)
        xml.required(user, "Expiration", DOCUMENT)
        password = decoded(xml.required(user, "Password", DOCUMENT), DOCUMENT, "element Password")
    except MalformedDocument as error:
        invalid = error.problem
    return RemoteUser(
        name=xml.optional(user, "Name") or "",
        encrypted_password=password,
        expiration=xml.optional(user, "Expiration") or "",
        groups=tuple(group for group in groups if group),
        invalid=invalid,
    )


def render_remote_access(access: RemoteAccess) -> bytes:
    """The document `parse_remote_access` reads."""

    def element(name: str, value: str | None) -> str:
        return f"<{name}>{xml.escape_text(value)}</{name}>" if value is not None else ""

    users = "".join(
        f"<User>{element('Name', user.name)}"
        f"{element('Password', binascii.b2a_base64(user.encrypted_password, newline=False).decode())}"
        f"{element('Expiration', user.expiration)}"
        f"<Groups>{''.join(element('GroupName', group) for group in user.groups)}</Groups></User>"
        for user in access.users
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<RemoteAccess>{element('Version', access.version)}{element('Incarnation', access.incarnation)}"
        f"<Users>{users}</Users></RemoteAccess>"
    ).encode()
