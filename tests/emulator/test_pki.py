"""What the fabric encrypts, opened as clients open it: by the openssl program."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from asn1crypto import cms as asn1_cms
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.emulator.openssl import Transport, openssl, pem_blocks, ran, transport

from limpet.emulator.certificates import pki
from limpet.emulator.certificates.cms import ContentCipher, Recipient, UnusableCertificate
from limpet.wire.certificates import Cipher

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.emulator.certificates.pki import TenantCertificate

NOW = 1_800_000_000.0  # January 2027


class FixedClock:
    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def elapsed(self) -> float:
        return self.at


@pytest.fixture(scope="module")
def tenant() -> TenantCertificate:
    return pki.new_tenant_certificate()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Transport:
    return transport(tmp_path_factory.mktemp("transport"))


def sealer(at: float = NOW) -> pki.Sealer:
    return pki.Sealer(FixedClock(at))


def bundle(agent: Transport, cipher: Cipher, *tenants: TenantCertificate) -> bytes:
    """The PFX of a bundle, as an agent decrypts it."""
    return agent.decrypted(sealer().encrypt_bundle(tenants, agent.der, cipher))


def envelope(content: bytes) -> asn1_cms.EnvelopedData:
    return asn1_cms.ContentInfo.load(content)["content"]


def key_files(tenant: TenantCertificate, folder: Path) -> tuple[Path, Path]:
    """The files that a handler finds. Source: extensions.md §5.2."""
    certificate, key = folder / f"{tenant.thumbprint}.crt", folder / f"{tenant.thumbprint}.prv"
    certificate.write_bytes(openssl("x509", "-inform", "DER", stdin=tenant.certificate))
    key.write_bytes(openssl("pkey", "-inform", "DER", stdin=tenant.private_key.reveal()))
    return certificate, key


@pytest.mark.parametrize("verification", [[], ["-nomacver"]], ids=["with MAC", "without MAC"])
@pytest.mark.parametrize("cipher", list(Cipher))
def test_a_bundle_opens_by_openssl_with_the_empty_password(
    agent: Transport, tenant: TenantCertificate, cipher: Cipher, verification: list[str]
) -> None:
    content = bundle(agent, cipher, tenant)
    opened = openssl("pkcs12", "-nodes", "-password", "pass:", *verification, stdin=content).decode()
    keys, certificates = pem_blocks(opened, "PRIVATE KEY"), pem_blocks(opened, "CERTIFICATE")
    assert len(keys) == 1
    assert len(certificates) == 2
    assert "friendlyName: TenantEncryptionCert" in opened
    ders = [openssl("x509", "-outform", "DER", stdin=each.encode()) for each in certificates]
    assert ders == [tenant.certificate, tenant.issuer]
    public = openssl("pkey", "-pubout", stdin=keys[0].encode())
    assert public == openssl("x509", "-pubkey", "-noout", stdin=certificates[0].encode())


def test_a_bundle_does_not_open_with_another_password(agent: Transport, tenant: TenantCertificate) -> None:
    content = bundle(agent, Cipher.AES128_CBC, tenant)
    done = ran("pkcs12", "-password", "pass:x", "-noout", stdin=content)
    assert (done.returncode, b"invalid password" in done.stderr) == (1, True)


def test_a_bundle_is_layered_as_the_fabrics_is(agent: Transport, tenant: TenantCertificate) -> None:
    content = bundle(agent, Cipher.AES128_CBC, tenant)
    told = ran("pkcs12", "-info", "-noout", "-password", "pass:", stdin=content).stderr.decode()
    assert "MAC: sha1, Iteration 2000" in told
    assert "Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2000" in told
    assert "PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2000" in told


def test_certificates_after_a_rotation_each_have_their_key(
    agent: Transport, tenant: TenantCertificate
) -> None:
    newer = pki.new_tenant_certificate()
    content = bundle(agent, Cipher.DES_EDE3_CBC, newer, tenant)
    opened = openssl("pkcs12", "-nodes", "-password", "pass:", stdin=content).decode()
    publics = {openssl("pkey", "-pubout", stdin=key.encode()) for key in pem_blocks(opened, "PRIVATE KEY")}
    certificates = pem_blocks(opened, "CERTIFICATE")
    assert len(publics) == 2
    assert len(certificates) == 3  # the issuer once
    assert {openssl("x509", "-pubkey", "-noout", stdin=each.encode()) for each in certificates} > publics


@pytest.mark.parametrize(
    ("cipher", "transport_algorithm", "content_algorithm"),
    [
        (Cipher.AES128_CBC, "rsaes_oaep", "aes128_cbc"),
        (Cipher.DES_EDE3_CBC, "rsaes_pkcs1v15", "tripledes_3key"),
    ],
)
def test_an_envelope_has_the_layers_of_its_cipher(
    agent: Transport, cipher: Cipher, transport_algorithm: str, content_algorithm: str
) -> None:
    found = envelope(sealer().encrypt_to(agent.der, b"x", cipher))
    recipient = found["recipient_infos"][0].chosen
    assert found["version"].native == "v2"
    assert recipient["version"].native == "v2"
    assert recipient["rid"].name == "subject_key_identifier"
    algorithm = recipient["key_encryption_algorithm"]
    assert algorithm["algorithm"].native == transport_algorithm
    # Defaults are left out of OAEP's parameters, and those of plain RSA are NULL. Source: wire-protocol.md §3.4.
    assert algorithm["parameters"].dump() == (b"\x30\x00" if cipher is Cipher.AES128_CBC else b"\x05\x00")
    content = found["encrypted_content_info"]
    assert content["content_type"].native == "data"
    assert content["content_encryption_algorithm"]["algorithm"].native == content_algorithm


def test_a_transport_certificate_without_key_identifier_is_named_by_issuer_and_serial(tmp_path: Path) -> None:
    plain = transport(tmp_path, "-addext", "subjectKeyIdentifier=none")
    sealed = sealer().encrypt_to(plain.der, b"content", Cipher.AES128_CBC)
    found = envelope(sealed)
    assert found["version"].native == "v0"
    assert found["recipient_infos"][0].chosen["rid"].name == "issuer_and_serial_number"
    assert plain.decrypted(sealed) == b"content"


@pytest.mark.parametrize("cipher", list(Cipher))
def test_a_just_in_time_password_opens_with_the_key_alone(agent: Transport, cipher: Cipher) -> None:
    password = "pässwörd \N{GRINNING FACE}".encode("utf-16-le")
    sealed = sealer().encrypt_to(agent.der, password, cipher)
    opened = openssl("cms", "-decrypt", "-inform", "DER", "-inkey", agent.key, stdin=sealed)
    assert opened == password


def test_a_bundle_for_one_certificate_does_not_open_with_another(
    agent: Transport, tenant: TenantCertificate, tmp_path: Path
) -> None:
    other = transport(tmp_path)
    sealed = sealer().encrypt_bundle([tenant], agent.der, Cipher.AES128_CBC)
    wrong = ("-inkey", other.key, "-recip", other.certificate)
    assert ran("cms", "-decrypt", "-inform", "DER", *wrong, stdin=sealed).returncode != 0


@pytest.mark.parametrize("cipher", list(ContentCipher))
def test_protected_settings_open_as_handlers_open_them(
    tenant: TenantCertificate, tmp_path: Path, cipher: ContentCipher
) -> None:
    text = b'{"password": "between us"}'
    sealed = pki.encrypt_for(tenant, text, cipher)
    certificate, key = key_files(tenant, tmp_path)
    der = base64.b64decode(sealed, validate=True)
    assert "\n" not in sealed
    for program in ("cms", "smime"):
        opened = openssl(
            program, "-decrypt", "-inform", "DER", "-recip", certificate, "-inkey", key, stdin=der
        )
        assert opened == text


def test_protected_settings_are_layered_as_the_fabrics_are(tenant: TenantCertificate) -> None:
    found = envelope(base64.b64decode(pki.encrypt_for(tenant, b"{}")))
    recipient = found["recipient_infos"][0].chosen
    assert found["version"].native == recipient["version"].native == "v0"
    assert recipient["rid"].name == "issuer_and_serial_number"
    assert recipient["rid"].chosen["issuer"].native == {
        "domain_component": "Windows Azure CRP Certificate Generator"
    }
    assert (
        found["encrypted_content_info"]["content_encryption_algorithm"]["algorithm"].native
        == "tripledes_3key"
    )


@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=200), cipher=st.sampled_from(list(ContentCipher)))
def test_whatever_is_encrypted_twice_differs_and_its_size_tells_only_blocks(
    tenant: TenantCertificate, content: bytes, cipher: ContentCipher
) -> None:
    first, second = (base64.b64decode(pki.encrypt_for(tenant, content, cipher)) for _ in range(2))
    assert first != second
    encrypted = envelope(first)["encrypted_content_info"]["encrypted_content"].native
    block = 8 if cipher is ContentCipher.DES_EDE3_CBC else 16
    assert len(encrypted) == (len(content) // block + 1) * block


def test_a_thumbprint_is_what_openssl_calls_the_fingerprint(tenant: TenantCertificate) -> None:
    shown = openssl("x509", "-inform", "DER", "-noout", "-fingerprint", "-sha1", stdin=tenant.certificate)
    assert tenant.thumbprint == shown.decode().split("=")[1].strip().replace(":", "")
    assert tenant.thumbprint == hashlib.sha1(tenant.certificate).hexdigest().upper()


def test_a_tenant_certificate_was_issued_by_the_one_in_its_bundle(
    tenant: TenantCertificate, tmp_path: Path
) -> None:
    issuer = tmp_path / "issuer.pem"
    issuer.write_bytes(openssl("x509", "-inform", "DER", stdin=tenant.issuer))
    pem = openssl("x509", "-inform", "DER", stdin=tenant.certificate)
    assert (
        openssl("verify", "-no_check_time", "-partial_chain", "-trusted", issuer, stdin=pem) == b"stdin: OK\n"
    )


def test_a_private_key_does_not_show(tenant: TenantCertificate) -> None:
    assert "***" in repr(tenant)
    assert repr(tenant.private_key.reveal()) not in repr(tenant)


REFUSED = {
    "an RSA key that is too small": ("rsa:1024", "its RSA key has 1024 bits, at least 2048 are needed"),
    "a key that cannot encrypt": ("ec", "its key is of the kind ec, an RSA key is needed"),
}


@pytest.mark.parametrize(("key", "problem"), REFUSED.values(), ids=REFUSED)
def test_an_unfit_transport_certificate_is_refused(tmp_path: Path, key: str, problem: str) -> None:
    options = ["-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else []
    unfit = transport(tmp_path, *options, key=key)
    with pytest.raises(UnusableCertificate, match=problem):
        sealer().encrypt_to(unfit.der, b"x", Cipher.AES128_CBC)


def test_an_expired_transport_certificate_is_refused_and_one_of_the_future_is_not(agent: Transport) -> None:
    with pytest.raises(UnusableCertificate, match=r"it expired at 20\d\d-"):
        sealer(at=4_000_000_000.0).encrypt_to(agent.der, b"x", Cipher.AES128_CBC)
    assert agent.decrypted(sealer(at=0.0).encrypt_to(agent.der, b"x", Cipher.AES128_CBC)) == b"x"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_transport_certificate_is_read_or_refused(agent: Transport, data: st.DataObject) -> None:
    damaged = bytearray(agent.der)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.sampled_from([len(damaged), len(damaged) // 2, 10]))])
    with suppress(UnusableCertificate):
        Recipient.read(cut)


@given(noise=st.binary(max_size=300))
def test_garbage_is_no_certificate(noise: bytes) -> None:
    with pytest.raises(UnusableCertificate):
        Recipient.read(noise)
