"""The encrypted bundle's document and the request for it. Source: wire-protocol.md §3."""

from __future__ import annotations

import binascii
from enum import Enum
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.goalstate import CertificateBundle
from limpet.model.ids import Incarnation
from limpet.wire import xml
from limpet.wire.goalstate import WIRE_SERVER_HEADERS
from limpet.wire.http import Request

if TYPE_CHECKING:
    from limpet.model.ids import Url

DOCUMENT = "CertificateFile"
COLUMNS = 64
"""Width of the base64 text; clients that hand it to OpenSSL as it stands need short lines. Source: §3.4."""


class Cipher(Enum):
    """What the bundle may be encrypted with, in the order in which it is asked for."""

    AES128_CBC = "AES128_CBC"
    DES_EDE3_CBC = "DES_EDE3_CBC"


def transport_headers(certificate: str, cipher: Cipher) -> dict[str, str]:
    """Who asks, and how to encrypt for them. certificate: base64 DER on one line."""
    return {
        **WIRE_SERVER_HEADERS,
        "x-ms-guest-agent-public-x509-cert": certificate,
        "x-ms-cipher-name": cipher.value,
    }


def certificates_request(url: Url, certificate: str, cipher: Cipher) -> Request:
    """Ask for the bundle, encrypted to the transport certificate."""
    return Request(method="GET", url=url, headers=transport_headers(certificate, cipher))


def parse_certificate_file(body: bytes) -> CertificateBundle:
    """Read the answer. Raises: MalformedDocument. No `Data` means no certificates."""
    root = xml.parse(body, DOCUMENT, root=DOCUMENT)
    incarnation = xml.optional(root, "Incarnation")
    return CertificateBundle(
        incarnation=Incarnation(incarnation) if incarnation is not None else None,
        format=xml.optional(root, "Format"),
        data=decoded(xml.optional(root, "Data") or "", DOCUMENT, "element Data"),
    )


def decoded(text: str, document: str, what: str) -> bytes:
    """Base64 with any white space in it. Raises: MalformedDocument."""
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        raise MalformedDocument(document, f"{what} is not base64") from None


def render_certificate_file(bundle: CertificateBundle) -> bytes:
    """The document `parse_certificate_file` reads; without `Data` where there are no certificates."""
    text = binascii.b2a_base64(bundle.data, newline=False).decode()
    lines = "\n".join(text[at : at + COLUMNS] for at in range(0, len(text), COLUMNS))
    incarnation, kind = bundle.incarnation, bundle.format
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<CertificateFile xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:noNamespaceSchemaLocation="certificates10.xsd"><Version>2012-11-30</Version>'
        + (f"<Incarnation>{xml.escape_text(incarnation)}</Incarnation>" if incarnation is not None else "")
        + (f"<Format>{xml.escape_text(kind)}</Format>" if kind is not None else "")
        + (f"<Data>{lines}</Data>" if lines else "")
        + "</CertificateFile>"
    ).encode()
