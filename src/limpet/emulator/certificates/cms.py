"""CMS EnvelopedData for one recipient: the envelope around bundles, passwords and protected settings.

Source: wire-protocol.md §3.4, §4.4, §12; the structure is that of RFC 5652 §6, with OAEP as in RFC 3560.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum

from asn1crypto import algos, cms, core, keys, x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_public_key

SMALLEST_KEY = 2048
"""Bits of RSA. Every known agent's transport certificate has as many. Source: wire-protocol.md §3.1."""


class UnusableCertificate(ValueError):
    """Nothing can be encrypted to this certificate; the message says why."""


class ContentCipher(Enum):
    """How the content is encrypted."""

    AES128_CBC = "aes128_cbc"
    AES256_CBC = "aes256_cbc"
    DES_EDE3_CBC = "tripledes_3key"


class KeyTransport(Enum):
    """How the content's key is encrypted to the recipient."""

    RSA = "rsaes_pkcs1v15"
    OAEP = "rsaes_oaep"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """A certificate that can be encrypted to. key_id: of its subjectKeyIdentifier extension, if it has one."""

    issuer: x509.Name
    serial: int
    key_id: bytes | None
    expiry: float
    public_key: RSAPublicKey

    @classmethod
    def read(cls, certificate: bytes) -> Recipient:
        """Read a certificate in DER. expiry: seconds since 1970. Raises: UnusableCertificate."""
        try:
            parsed = x509.Certificate.load(certificate, strict=True)
            key_id = parsed.key_identifier
            found = cls(
                issuer=parsed.issuer,
                serial=parsed.serial_number,
                key_id=key_id,
                expiry=parsed.not_valid_after.timestamp(),
                public_key=_rsa(parsed.public_key),
            )
            found.issuer.dump()
        except UnusableCertificate:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise UnusableCertificate(f"not an X.509 certificate in DER: {error}") from error
        if found.public_key.key_size < SMALLEST_KEY:
            raise UnusableCertificate(
                f"its RSA key has {found.public_key.key_size} bits, at least {SMALLEST_KEY} are needed"
            )
        return found


def enveloped(
    content: bytes, to: Recipient, *, cipher: ContentCipher, transport: KeyTransport, by_key_id: bool
) -> bytes:
    """`content` as EnvelopedData, whole ContentInfo in DER.

    by_key_id: name the recipient by its key identifier (which makes version 2), where the certificate has one; otherwise
    by issuer and serial number (version 0).
    """
    key, parameters, encrypted = _encrypted(content, cipher)
    by_key_id = by_key_id and to.key_id is not None
    recipient = cms.KeyTransRecipientInfo(
        {
            "version": "v2" if by_key_id else "v0",
            "rid": _identifier(to, by_key_id=by_key_id),
            "key_encryption_algorithm": {
                "algorithm": transport.value,
                "parameters": _parameters(transport),
            },
            "encrypted_key": to.public_key.encrypt(key, _padding(transport)),
        }
    )
    envelope = cms.EnvelopedData(
        {
            "version": "v2" if by_key_id else "v0",
            "recipient_infos": [cms.RecipientInfo(name="ktri", value=recipient)],
            "encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": {"algorithm": cipher.value, "parameters": parameters},
                "encrypted_content": encrypted,
            },
        }
    )
    whole: bytes = cms.ContentInfo({"content_type": "enveloped_data", "content": envelope}).dump()
    return whole


def _rsa(key: keys.PublicKeyInfo) -> RSAPublicKey:
    if key.algorithm != "rsa":
        raise UnusableCertificate(f"its key is of the kind {key.algorithm}, an RSA key is needed")
    public_key = load_der_public_key(key.dump())
    if not isinstance(public_key, RSAPublicKey):
        raise UnusableCertificate("its key is not an RSA key for encryption")
    return public_key


def _identifier(to: Recipient, *, by_key_id: bool) -> cms.RecipientIdentifier:
    if by_key_id:
        return cms.RecipientIdentifier(name="subject_key_identifier", value=to.key_id)
    number = cms.IssuerAndSerialNumber({"issuer": to.issuer, "serial_number": to.serial})
    return cms.RecipientIdentifier(name="issuer_and_serial_number", value=number)


def _parameters(transport: KeyTransport) -> core.Asn1Value:
    # Loaded, because a sequence that is made of nothing counts as not set.
    return algos.RSAESOAEPParams.load(b"\x30\x00") if transport is KeyTransport.OAEP else core.Null()


def _padding(transport: KeyTransport) -> padding.AsymmetricPadding:
    if transport is KeyTransport.RSA:
        return padding.PKCS1v15()
    # The defaults that an empty parameter sequence stands for. Source: wire-protocol.md §3.4.
    return padding.OAEP(padding.MGF1(SHA1()), SHA1(), label=None)  # noqa: S303 - what the protocol has


def _encrypted(content: bytes, cipher: ContentCipher) -> tuple[bytes, bytes, bytes]:
    """Key, initialisation vector and encrypted content."""
    match cipher:
        case ContentCipher.DES_EDE3_CBC:
            key, vector = secrets.token_bytes(24), secrets.token_bytes(8)
            encryptor = Cipher(TripleDES(key), modes.CBC(vector)).encryptor()
            padder = PKCS7(TripleDES.block_size).padder()
        case _:
            key = secrets.token_bytes(16 if cipher is ContentCipher.AES128_CBC else 32)
            vector = secrets.token_bytes(16)
            encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
            padder = PKCS7(algorithms.AES.block_size).padder()
    padded = padder.update(content) + padder.finalize()
    return key, vector, encryptor.update(padded) + encryptor.finalize()
