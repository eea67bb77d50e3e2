"""The fabric's certificates: tenant certificates, and what is encrypted to them and to transport certificates.

Built from asn1crypto and cryptography's primitives, so that it shares nothing with the agent, which uses openssl.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from limpet.emulator.certificates.cms import (
    ContentCipher,
    KeyTransport,
    Recipient,
    UnusableCertificate,
    enveloped,
)
from limpet.emulator.certificates.pfx import Entry, pfx
from limpet.model.ids import Thumbprint
from limpet.model.secret import Secret
from limpet.wire.certificates import Cipher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.emulator.clock import Clock

TENANT_NAME = "TenantEncryptionCert"
ISSUER_NAME = "Windows Azure CRP Certificate Generator"
"""Source of both: wire-protocol.md §3.5, §4.4."""

# A VM's clock may stand anywhere, and a scenario may jump it, so the fabric's own certificates span the century.
_NOT_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
_NOT_AFTER = datetime(2099, 12, 31, tzinfo=UTC)
_KEY_BITS = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantCertificate:
    """A certificate that protected settings are encrypted to.

    certificate: DER. private_key: PKCS#8 in DER, without a password. issuer: the certificate it was issued by, DER.
    """

    name: str
    certificate: bytes
    private_key: Secret[bytes]
    issuer: bytes

    @property
    def thumbprint(self) -> Thumbprint:
        """SHA-1 over the certificate. Source: wire-protocol.md §3.6."""
        return Thumbprint(hashlib.sha1(self.certificate, usedforsecurity=False).hexdigest().upper())


def new_tenant_certificate(name: str = TENANT_NAME) -> TenantCertificate:
    """A certificate with a new key. Takes a tenth of a second or so.

    Every certificate has a key of its own: clients join certificates and keys by the public key, so that two
    certificates of one bundle must not share one. Source: wire-protocol.md §3.6.
    """
    authority = _authority()
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = _signed(key, subject, authority.key, authority.certificate.subject, ca=False)
    return TenantCertificate(
        name=name,
        certificate=certificate.public_bytes(Encoding.DER),
        private_key=Secret(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        issuer=authority.certificate.public_bytes(Encoding.DER),
    )


def encrypt_for(
    certificate: TenantCertificate, plaintext: bytes, cipher: ContentCipher = ContentCipher.DES_EDE3_CBC
) -> str:
    """Protected settings as a goal state carries them: base64 CMS, version 0, recipient by issuer and serial number.

    Source: wire-protocol.md §4.4.
    """
    recipient = Recipient.read(certificate.certificate)
    sealed = enveloped(plaintext, recipient, cipher=cipher, transport=KeyTransport.RSA, by_key_id=False)
    return base64.b64encode(sealed).decode("ascii")


class Sealer:
    """Encrypts to whatever transport certificate a request carries. Source: wire-protocol.md §3.1, §15.6."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def encrypt_bundle(
        self, certificates: Sequence[TenantCertificate], transport_certificate_der: bytes, cipher: Cipher
    ) -> bytes:
        """The tenant certificates with their keys, and their issuers without, as CMS around a PFX.

        Raises: UnusableCertificate. Source: wire-protocol.md §3.4, §3.5.
        """
        entries = [
            Entry(name=each.name, certificate=each.certificate, private_key=each.private_key)
            for each in certificates
        ]
        issuers = dict.fromkeys(each.issuer for each in certificates)
        entries += [Entry(name=ISSUER_NAME, certificate=issuer) for issuer in issuers]
        recipient = self._recipient(transport_certificate_der)
        return _sealed(pfx(entries), recipient, cipher)

    def encrypt_to(self, transport_certificate_der: bytes, plaintext: bytes, cipher: Cipher) -> bytes:
        """`plaintext` as CMS. Raises: UnusableCertificate. Source: wire-protocol.md §12."""
        return _sealed(plaintext, self._recipient(transport_certificate_der), cipher)

    def _recipient(self, transport_certificate: bytes) -> Recipient:
        try:
            recipient = Recipient.read(transport_certificate)
        except UnusableCertificate as error:
            raise UnusableCertificate(f"the transport certificate is not usable: {error}") from error
        # One that is not valid yet is taken: the clock of a VM that has just started may be wrong.
        if recipient.expiry < self._clock.now():
            expired = datetime.fromtimestamp(recipient.expiry, UTC).isoformat()
            raise UnusableCertificate(f"the transport certificate is not usable: it expired at {expired}")
        return recipient


def _sealed(content: bytes, recipient: Recipient, cipher: Cipher) -> bytes:
    match cipher:
        case Cipher.AES128_CBC:
            inner, transport = ContentCipher.AES128_CBC, KeyTransport.OAEP
        case Cipher.DES_EDE3_CBC:
            inner, transport = ContentCipher.DES_EDE3_CBC, KeyTransport.RSA
    return enveloped(content, recipient, cipher=inner, transport=transport, by_key_id=True)


class _Authority(NamedTuple):
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


@cache
def _authority() -> _Authority:
    """Who issues tenant certificates in this process."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.DOMAIN_COMPONENT, ISSUER_NAME)])
    return _Authority(key, _signed(key, name, key, name, ca=True))


def _signed(
    key: rsa.RSAPrivateKey, subject: x509.Name, issuer_key: rsa.RSAPrivateKey, issuer: x509.Name, *, ca: bool
) -> x509.Certificate:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .add_extension(identifier, critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, SHA256())
    )
