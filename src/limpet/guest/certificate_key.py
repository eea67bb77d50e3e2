"""The public key in an X.509 certificate, as OpenSSH writes it. Source: RFC 5280 §4.1, RFC 3279, RFC 5480, RFC 8410, RFC 5656.

Only what leads to the key is read of the certificate; nothing is verified: it came from the fabric, by its thumbprint.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

from limpet.guest.openssh import Key
from limpet.model.errors import MalformedDocument

DOCUMENT = "certificate"
LARGEST = 64 * 1024
"""Bytes of a certificate's file that are read. Real ones have 1 to 2 KiB."""

_PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_INTEGER, _BITS, _OID, _SEQUENCE, _EXPLICIT_0 = 0x02, 0x03, 0x06, 0x30, 0xA0
_RSA = bytes.fromhex("2a864886f70d010101")
_EC = bytes.fromhex("2a8648ce3d0201")
_ED25519 = bytes.fromhex("2b6570")
_CURVES = {
    bytes.fromhex("2a8648ce3d030107"): ("nistp256", 65),
    bytes.fromhex("2b81040022"): ("nistp384", 97),
    bytes.fromhex("2b81040023"): ("nistp521", 133),
}
_UNCOMPRESSED = 4


def certificate_key(pem: bytes) -> Key:
    """The key of the first certificate in a PEM text. Raises: MalformedDocument."""
    if len(pem) > LARGEST:
        raise MalformedDocument(DOCUMENT, f"it has {len(pem)} bytes; at most {LARGEST} are accepted")
    found = _PEM.search(pem)
    if found is None:
        raise MalformedDocument(DOCUMENT, "there is no certificate in PEM form")
    try:
        return _key(_public_key(a2b_base64(found[1])))
    except Error:
        raise MalformedDocument(DOCUMENT, "its content is not base64") from None


def info_key(der: bytes) -> Key:
    """The key of a SubjectPublicKeyInfo. Raises: MalformedDocument."""
    return _key(_Reader(der).take(_SEQUENCE))


def rsa_key(der: bytes) -> Key:
    """The key of an RSAPublicKey. Raises: MalformedDocument. Source: RFC 8017 §A.1.1."""
    numbers = _Reader(_Reader(der).take(_SEQUENCE))
    modulus, exponent = numbers.take(_INTEGER), numbers.take(_INTEGER)
    return _openssh("ssh-rsa", _number(exponent), _number(modulus))


class _Reader:
    """Values of DER, one after the other, within the bytes of one value."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def tag(self) -> int | None:
        """The next value's tag; None at the end."""
        return self._content[self._position] if self._position < len(self._content) else None

    def take(self, tag: int) -> bytes:
        """The content of the next value. Raises: MalformedDocument, when its tag is another or it is cut."""
        start = self._position + 2
        if self.tag() != tag or start > len(self._content):
            raise MalformedDocument(
                DOCUMENT, f"it is not built as a certificate is (at byte {self._position})"
            )
        size = self._content[start - 1]
        if size >= 0x80:
            start, size = start + (size & 0x7F), int.from_bytes(self._content[start : start + (size & 0x7F)])
        if start + size > len(self._content):
            raise MalformedDocument(DOCUMENT, "it is cut short")
        self._position = start + size
        return self._content[start : start + size]


def _public_key(der: bytes) -> bytes:
    """SubjectPublicKeyInfo's content."""
    certificate = _Reader(_Reader(_Reader(der).take(_SEQUENCE)).take(_SEQUENCE))
    if certificate.tag() == _EXPLICIT_0:
        certificate.take(_EXPLICIT_0)  # version
    certificate.take(_INTEGER)  # serial number
    for _ in ("signature", "issuer", "validity", "subject"):
        certificate.take(_SEQUENCE)
    return certificate.take(_SEQUENCE)


def _key(info: bytes) -> Key:
    reader = _Reader(info)
    algorithm = _Reader(reader.take(_SEQUENCE))
    kind = algorithm.take(_OID)
    bits = reader.take(_BITS)
    if bits[:1] != b"\0":
        raise MalformedDocument(DOCUMENT, "its public key is not whole bytes")
    content = bits[1:]
    if kind == _RSA:
        return rsa_key(content)
    if kind == _EC:
        curve, size = _CURVES.get(algorithm.take(_OID), ("", 0))
        if len(content) == size and content[0] == _UNCOMPRESSED:
            return _openssh(f"ecdsa-sha2-{curve}", curve.encode(), content)
    if kind == _ED25519 and len(content) == 32:
        return _openssh("ssh-ed25519", content)
    raise MalformedDocument(DOCUMENT, "its key is neither RSA, nor ECDSA on a NIST curve, nor Ed25519")


def _number(content: bytes) -> bytes:
    """DER's integers are SSH's mpints: two's complement, most significant byte first. Needless zeros go."""
    stripped = content.lstrip(b"\0")
    if not stripped or content[0] & 0x80:
        raise MalformedDocument(DOCUMENT, "a number of its RSA key is not positive")
    return b"\0" + stripped if stripped[0] & 0x80 else stripped


def _openssh(kind: str, *fields: bytes) -> Key:
    blob = b"".join(len(field).to_bytes(4) + field for field in (kind.encode(), *fields))
    return Key(kind=kind, blob=blob)
