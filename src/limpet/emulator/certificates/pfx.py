"""PKCS#12 files without a password, in the form the fabric sends. Source: wire-protocol.md §3.5, RFC 7292.

cryptography writes PKCS#12 too, but refuses the empty password, so the layers are put together here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from asn1crypto import algos, cms, core, keys, pkcs12
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.model.secret import Secret

ITERATIONS = 2000
EMPTY_PASSWORD = b"\0\0"
"""The empty text as PKCS#12 sees it: UTF-16 with its closing zero."""
_SALT = 20
_BLOCK, _DIGEST = 64, 20  # of SHA-1


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One certificate, in DER, and its key where that goes with it (PKCS#8, DER)."""

    name: str
    certificate: bytes
    private_key: Secret[bytes] | None = None


class Purpose(IntEnum):
    """What derived bytes are for. Source: RFC 7292 B.3."""

    KEY = 1
    VECTOR = 2
    MAC = 3


def pfx(entries: Sequence[Entry]) -> bytes:
    """The file in DER: certificates in an encrypted safe, keys in shrouded bags, an HMAC-SHA1 over both."""
    certificates = pkcs12.SafeContents(
        [_certificate_bag(entry, number) for number, entry in enumerate(entries, 1)]
    )
    shrouded = pkcs12.SafeContents(
        [
            _key_bag(entry.private_key, entry.name, number)
            for number, entry in enumerate(entries, 1)
            if entry.private_key is not None
        ]
    )
    safe = pkcs12.AuthenticatedSafe([_data(shrouded.dump()), _encrypted_data(certificates.dump())])
    content = safe.dump()
    salt = secrets.token_bytes(_SALT)
    mac = hmac.digest(derived(salt, ITERATIONS, Purpose.MAC, _DIGEST), content, "sha1")
    digest = algos.DigestInfo({"digest_algorithm": {"algorithm": "sha1"}, "digest": mac})
    whole: bytes = pkcs12.Pfx(
        {
            "version": "v3",
            "auth_safe": _data(content),
            "mac_data": {"mac": digest, "mac_salt": salt, "iterations": ITERATIONS},
        }
    ).dump()
    return whole


def derived(
    salt: bytes, iterations: int, purpose: Purpose, length: int, password: bytes = EMPTY_PASSWORD
) -> bytes:
    """`length` bytes from a password, by PKCS#12's own function with SHA-1. Source: RFC 7292 B.2."""
    diversifier = bytes([purpose]) * _BLOCK
    state = bytearray(_filled(salt) + _filled(password))
    found = b""
    while len(found) < length:
        block = hashlib.sha1(diversifier + state, usedforsecurity=False).digest()
        for _ in range(iterations - 1):
            block = hashlib.sha1(block, usedforsecurity=False).digest()
        found += block
        increment = int.from_bytes(_filled(block)) + 1
        for at in range(0, len(state), _BLOCK):
            total = int.from_bytes(state[at : at + _BLOCK]) + increment
            state[at : at + _BLOCK] = (total % (1 << 8 * _BLOCK)).to_bytes(_BLOCK)
    return found[:length]


def _filled(text: bytes) -> bytes:
    """`text` over and over, to whole blocks; for a digest exactly one."""
    blocks = -(-len(text) // _BLOCK)
    return (text * (_BLOCK * blocks // len(text) + 1))[: _BLOCK * blocks] if text else b""


def _data(content: bytes) -> cms.ContentInfo:
    return cms.ContentInfo({"content_type": "data", "content": core.OctetString(content)})


def _encrypted_data(content: bytes) -> cms.ContentInfo:
    algorithm, encrypted = _encrypted(content)
    info = {"content_type": "data", "content_encryption_algorithm": algorithm, "encrypted_content": encrypted}
    return cms.ContentInfo(
        {
            "content_type": "encrypted_data",
            "content": cms.EncryptedData({"version": "v0", "encrypted_content_info": info}),
        }
    )


def _certificate_bag(entry: Entry, number: int) -> pkcs12.SafeBag:
    bag = pkcs12.CertBag({"cert_id": "x509", "cert_value": core.ParsableOctetString(entry.certificate)})
    attributes = _attributes(entry.name, number if entry.private_key is not None else None)
    return pkcs12.SafeBag({"bag_id": "cert_bag", "bag_value": bag, "bag_attributes": attributes})


def _key_bag(key: Secret[bytes], name: str, number: int) -> pkcs12.SafeBag:
    algorithm, encrypted = _encrypted(key.reveal())
    bag = keys.EncryptedPrivateKeyInfo({"encryption_algorithm": algorithm, "encrypted_data": encrypted})
    return pkcs12.SafeBag(
        {
            "bag_id": "pkcs8_shrouded_key_bag",
            "bag_value": bag,
            "bag_attributes": _attributes(name, number),
        }
    )


def _attributes(name: str, number: int | None) -> list[dict[str, object]]:
    """The friendly name, and for a pair the number that joins certificate and key."""
    found: list[dict[str, object]] = [{"type": "friendly_name", "values": [core.BMPString(name)]}]
    if number is not None:
        found.append({"type": "local_key_id", "values": [core.OctetString(number.to_bytes(4, "little"))]})
    return found


def _encrypted(content: bytes) -> tuple[algos.EncryptionAlgorithm, bytes]:
    """`content` by pbeWithSHAAnd3-KeyTripleDES-CBC under the empty password."""
    salt = secrets.token_bytes(_SALT)
    key = derived(salt, ITERATIONS, Purpose.KEY, 24)
    vector = derived(salt, ITERATIONS, Purpose.VECTOR, 8)
    padder = PKCS7(TripleDES.block_size).padder()
    encryptor = Cipher(TripleDES(key), modes.CBC(vector)).encryptor()
    padded = padder.update(content) + padder.finalize()
    algorithm = algos.EncryptionAlgorithm(
        {
            "algorithm": "pkcs12_sha1_tripledes_3key",
            "parameters": algos.Pbes1Params({"salt": salt, "iterations": ITERATIONS}),
        }
    )
    return algorithm, encryptor.update(padded) + encryptor.finalize()
