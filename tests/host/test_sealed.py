"""Passwords that the fabric encrypts to the transport certificate: real keys, real openssl."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from limpet.emulator.certificates.pki import Sealer, new_tenant_certificate
from limpet.emulator.clock import SystemClock
from limpet.guest.jit_users import password_of
from limpet.host.sealed import TransportKey
from limpet.host.vault import OpensslVault
from limpet.model.errors import HostError
from limpet.wire.certificates import Cipher

OPENSSL = Path("/usr/bin/openssl")
PASSWORD = "Correct-Horse 9 ä€\U0001f40c"


@pytest.mark.parametrize("cipher", list(Cipher))
def test_a_password_is_opened_with_the_transport_key(cipher: Cipher, tmp_path: Path) -> None:
    certificate = base64.b64decode(OpensslVault(tmp_path).transport_certificate())
    sealed = Sealer(SystemClock()).encrypt_to(certificate, PASSWORD.encode("utf-16-le"), cipher)
    assert password_of(TransportKey(tmp_path, OPENSSL).opened(sealed).reveal()) == PASSWORD


def test_a_password_for_another_certificate_cannot_be_opened_and_the_reason_holds_no_secret(
    tmp_path: Path,
) -> None:
    OpensslVault(tmp_path).transport_certificate()
    other = new_tenant_certificate("other").certificate
    sealed = Sealer(SystemClock()).encrypt_to(other, PASSWORD.encode("utf-16-le"), Cipher.AES128_CBC)
    with pytest.raises(HostError, match="for another certificate"):
        TransportKey(tmp_path, OPENSSL).opened(sealed)


@pytest.mark.parametrize("sealed", [b"", b"MII no DER", b"\x30\x80" * 100])
def test_what_is_no_message_is_refused(sealed: bytes, tmp_path: Path) -> None:
    OpensslVault(tmp_path).transport_certificate()
    with pytest.raises(HostError):
        TransportKey(tmp_path, OPENSSL).opened(sealed)
