"""Public keys and certificates, compared with what ssh-keygen and another library make of them."""

from __future__ import annotations

import contextlib
import subprocess
from binascii import b2a_base64
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.certificate_key import certificate_key
from limpet.guest.openssh import Key, parse_key, parse_keys
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from pathlib import Path

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEOJUzanqDTpUHeT0/8oWSAJdzX2DxGeUbJl4Sp2hmbf"
KINDS = ["rsa", "nistp256", "nistp384", "nistp521", "ed25519"]
CURVES = {
    "nistp256": ec.SECP256R1(),
    "nistp384": ec.SECP384R1(),
    "nistp521": ec.SECP521R1(),
    "other": ec.SECP256K1(),
}
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def private_key(kind: str) -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(CURVES[kind])
    )


def line_of(kind: str) -> str:
    return private_key(kind).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@cache
def pem(kind: str) -> bytes:
    key = (
        dsa.generate_private_key(1024)
        if kind == "dsa"
        else ed448.Ed448PrivateKey.generate()
        if kind == "ed448"
        else private_key(kind)
    )
    signer = private_key("nistp256")
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    dated = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2050, 1, 1, tzinfo=UTC)
    )
    return dated.sign(signer, SHA256()).public_bytes(Encoding.PEM)


def packed(*fields: bytes) -> str:
    blob = b"".join(len(field).to_bytes(4) + field for field in fields)
    return b2a_base64(blob, newline=False).decode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificates_key_is_what_another_library_makes_of_it(kind: str) -> None:
    assert certificate_key(pem(kind)).line == line_of(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_and_its_fingerprints_are_what_ssh_keygen_says(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    file.write_text(line_of(kind))
    key = parse_key(line_of(kind))
    for digest, ours in (("sha256", key.sha256), ("md5", key.md5)):
        said = subprocess.run(
            ["ssh-keygen", "-l", "-E", digest, "-f", str(file)],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout.split()[1]
        assert said in {ours, f"MD5:{':'.join(ours[i : i + 2] for i in range(0, 32, 2))}"}


@pytest.mark.parametrize("kind", ["dsa", "ed448", "other"])
def test_a_certificate_with_a_key_that_ssh_has_not_is_refused(kind: str) -> None:
    with pytest.raises(MalformedDocument, match="neither RSA"):
        certificate_key(pem(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_cut_at_any_byte_is_refused_or_still_has_its_key(kind: str) -> None:
    whole = x509.load_pem_x509_certificate(pem(kind)).public_bytes(Encoding.DER)
    for cut in range(len(whole)):
        text = b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % b2a_base64(whole[:cut])
        with pytest.raises(MalformedDocument):
            certificate_key(text)


@given(st.data())
def test_a_certificate_with_any_byte_changed_never_ends_in_anything_but_a_key_or_a_refusal(
    data: st.DataObject,
) -> None:
    whole = bytearray(x509.load_pem_x509_certificate(pem("rsa")).public_bytes(Encoding.DER))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    text = b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % b2a_base64(bytes(whole))
    with contextlib.suppress(MalformedDocument):
        assert certificate_key(text).kind


@pytest.mark.parametrize(
    "text", [b"", b"x" * 70000, b"-----BEGIN CERTIFICATE-----\n====\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedDocument):
        certificate_key(text)


@pytest.mark.parametrize(
    ("line", "options", "comment"),
    [
        (ED, "", ""),
        (f"  {ED}  alice@host of hers \r\n", "", "alice@host of hers"),
        (f'no-pty,from="10.0.0.*" {ED} x', 'no-pty,from="10.0.0.*"', "x"),
        (f'command="echo \\"a b\\"; ssh-rsa AAAA" {ED}', 'command="echo \\"a b\\"; ssh-rsa AAAA"', ""),
        (f"restrict\t{ED}\tÄ", "restrict", "Ä"),
    ],
)
def test_a_line_is_taken_apart_as_sshd_does(line: str, options: str, comment: str) -> None:
    key = parse_key(line)
    assert (key.kind, key.options, key.comment) == ("ssh-ed25519", options, comment)
    assert parse_key(key.line) == key


@pytest.mark.parametrize(
    "kind",
    [
        "sk-ssh-ed25519@openssh.com",
        "ssh-dss",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-ed25519-cert-v01@openssh.com",
    ],
)
def test_keys_of_every_type_are_taken(kind: str) -> None:
    count = {"ssh-dss": 4, "sk-ecdsa-sha2-nistp256@openssh.com": 3}.get(kind, 2)
    text = packed(kind.encode(), *[b"x"] * count)
    assert parse_key(f"{kind} {text}").kind == kind


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "no type"),
        ("hello", "no type"),
        ("ssh-ed25519", "cut short|not of that type"),
        ("ssh-ed25519 !!!!", "not base64"),
        ("ssh-ed25519 AAAA", "not of that type"),
        (ED[:-4], "not of that type|not base64|cut short"),
        (ED.replace("ssh-ed25519", "ssh-rsa", 1), "not of that type"),
        (f"ssh-ed25519 {packed(b'ssh-ed25519', b'short')}", "cut short"),
        (f"ssh-ed25519 {packed(b'ssh-ed25519', b'x' * 32, b'more')}", "cut short or not"),
        (f'command="x {ED}', "quote"),
        (f"{ED} \x1b[2J", "control"),
        (f"x-ssh {ED.split()[1]}", "no type"),
        ("-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1r", "private key"),
        ("ssh-rsa " + "A" * 70000, "70008 characters"),
    ],
)
def test_a_key_that_is_not_one_is_refused_without_repeating_it(line: str, reason: str) -> None:
    with pytest.raises(MalformedDocument, match=reason) as caught:
        parse_key(line)
    assert "b3Blbn" not in str(caught.value)


def test_a_key_that_a_portal_broke_into_lines_is_put_together() -> None:
    line = line_of("rsa")
    for end in ("\r\n", "\n"):
        broken = end.join(line[i : i + 64] for i in range(0, len(line), 64)) + end
        assert parse_keys(broken) == (parse_key(line),)


def test_several_keys_in_one_value_are_each_taken_and_comments_are_not_keys() -> None:
    text = f"# mine\r\n{ED} a\r\n\r\n{line_of('rsa')}\r\n"
    assert [key.kind for key in parse_keys(text)] == ["ssh-ed25519", "ssh-rsa"]
    with pytest.raises(MalformedDocument):
        parse_keys(f"{ED}\nnonsense\n")
    with pytest.raises(MalformedDocument, match="empty"):
        parse_keys(" \n# nothing\n")


def foreign(kind: str, form: str, folder: Path) -> str:
    """A key as another program writes it."""
    key = private_key(kind).public_key()
    match form:
        case "PuTTY":
            (folder / "key.pub").write_text(line_of(kind))
            argv = ["ssh-keygen", "-e", "-m", "RFC4716", "-f", str(folder / "key.pub")]
            return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout
        case "PEM":
            return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        case "PKCS #1":
            return key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
        case _:
            return pem(kind).decode()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("kind", "form"),
    [*((kind, form) for kind in KINDS for form in ("PuTTY", "PEM", "certificate")), ("rsa", "PKCS #1")],
)
def test_a_key_as_another_program_writes_it_is_the_same_key(
    kind: str, form: str, end: str, tmp_path: Path
) -> None:
    text = foreign(kind, form, tmp_path)
    (key,) = parse_keys("\ufeff" + text.replace("\n", end))
    assert f"{key.kind} {b2a_base64(key.blob, newline=False).decode()}" == line_of(kind)
    assert "converted by" in key.comment or form != "PuTTY"
    assert len(parse_keys(text + text)) == 2


@pytest.mark.parametrize("form", ["PuTTY", "PEM", "PKCS #1", "certificate"])
def test_a_foreign_key_cut_anywhere_is_refused(form: str, tmp_path: Path) -> None:
    text = foreign("rsa", form, tmp_path).strip()
    for cut in range(0, len(text), 7):
        with pytest.raises(MalformedDocument) as caught:
            parse_keys(text[:cut])
        assert caught.value.document == "public key"


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PUBLIC KEY-----\n====\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        "---- BEGIN SSH2 PUBLIC KEY ----\nComment: x\n---- END SSH2 PUBLIC KEY ----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        f"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n{ED}",
        "-----BEGIN PUBLIC KEY-----\n" * 9000,
        "-----BEGIN PUBLIC KEY-----\n" * 1200,
        f"-----BEGIN PUBLIC KEY-----{' ' * 30_000}x",  # what tries every way to part that ends with nobody there any more
        f"---- BEGIN SSH2 PUBLIC KEY ----\nComment:{' ' * 30_000}x---- END SSH2 PUBLIC KEY ----",
        f"---- BEGIN SSH2 PUBLIC KEY ----\n{(' ' * 60 + chr(92) + chr(10)) * 500}",
    ],
    ids=range(10),
)
def test_a_block_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_keys(text)
    assert caught.value.document == "public key"


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    try:
        keys = parse_keys(text)
    except MalformedDocument:
        return
    assert all(isinstance(key, Key) for key in keys)
