"""Keys and certificates through the real openssl program."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from pathlib import Path

import pytest
from tests.host.bundles import DES, openssl, pair, pfx, sealed

from limpet.host.keys_worker import blocks, keep_file, moment
from limpet.host.vault import OpensslVault
from limpet.model.errors import HostError

AES = ("-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC", "-macalg", "sha256")
OPEN = ("-keypbe", "NONE", "-certpbe", "NONE", "-nomac")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "library").mkdir()
    return tmp_path / "library"


@pytest.fixture
def vault(library: Path) -> OpensslVault:
    return OpensslVault(library)


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    (tmp_path / "workshop").mkdir()
    return tmp_path / "workshop"


def test_the_transport_certificate_is_what_the_fabric_expects(vault: OpensslVault, library: Path) -> None:
    vault.transport_certificate()
    text = openssl("x509", "-in", "TransportCert.pem", "-noout", "-text", folder=library).decode()
    assert "Subject: CN = LinuxTransport" in text
    assert "Public-Key: (2048 bit)" in text
    assert "X509v3 Subject Key Identifier" in text
    assert "CA:TRUE" in text
    dates = (
        openssl("x509", "-in", "TransportCert.pem", "-noout", "-dates", folder=library).decode().split("\n")
    )
    begin, end = (moment(line.partition("=")[2]) for line in dates[:2])
    assert end[0] - begin[0] in {1, 2}
    assert sorted(path.name for path in library.iterdir()) == ["TransportCert.pem", "TransportPrivate.pem"]
    assert (library / "TransportPrivate.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("end", ["20000101000000Z", "21000101000000Z"])
def test_a_certificate_that_is_not_valid_now_is_made_anew(
    vault: OpensslVault, library: Path, workshop: Path, end: str
) -> None:
    begin = "19990101000000Z" if end.startswith("2000") else "20990101000000Z"
    openssl("req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=LinuxTransport",
            "-keyout", str(library / "TransportPrivate.pem"), "-out", "r.csr", folder=workshop)  # fmt: skip
    (workshop / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndatabase=index\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=any\n"
        "[any]\ncommonName=supplied\n"
    )
    (workshop / "index").touch()
    (workshop / "serial").write_text("01\n")
    openssl("ca", "-batch", "-selfsign", "-config", "ca.cnf", "-in", "r.csr", "-notext", "-startdate", begin,
            "-enddate", end, "-keyfile", str(library / "TransportPrivate.pem"),
            "-out", str(library / "TransportCert.pem"), folder=workshop)  # fmt: skip
    old = (library / "TransportCert.pem").read_text()
    new = vault.transport_certificate()
    assert new not in "".join(old.splitlines())
    assert vault.transport_certificate() == new


@pytest.mark.parametrize("file", ["TransportCert.pem", "TransportPrivate.pem"])
@pytest.mark.parametrize("damage", ["removed", "emptied", "cut", "of another", "a folder's link"])
def test_a_pair_that_does_not_fit_is_made_anew(
    vault: OpensslVault, library: Path, workshop: Path, file: str, damage: str
) -> None:
    old = vault.transport_certificate()
    place = library / file
    if damage == "removed":
        place.unlink()
    elif damage == "emptied":
        place.write_text("")
    elif damage == "cut":
        place.write_bytes(place.read_bytes()[:500])
    elif damage == "of another":
        other = pair(workshop, "other")
        place.write_bytes((other.certificate if file == "TransportCert.pem" else other.key).read_bytes())
    else:
        place.unlink()
        place.symlink_to(workshop)
    assert vault.transport_certificate() != old
    key = openssl("pkey", "-in", "TransportPrivate.pem", "-pubout", folder=library)
    assert key == openssl("x509", "-in", "TransportCert.pem", "-noout", "-pubkey", folder=library)


@pytest.mark.parametrize(
    ("cipher", "oaep", "protection"),
    [("-aes128", True, DES), ("-des3", False, DES), ("-aes256", True, AES), ("-aes128", False, OPEN)],
)
def test_every_layer_that_a_fabric_may_use_is_opened(
    vault: OpensslVault, library: Path, workshop: Path, cipher: str, oaep: bool, protection: tuple[str, ...]
) -> None:
    tenant, crp = pair(workshop, "tenant"), pair(workshop, "crp")
    content = pfx(workshop, tenant, crp, protection=protection)
    data = sealed(workshop, content, vault.transport_certificate(), cipher=cipher, oaep=oaep)
    assert dict(vault.unpack_bundle(data)) == {tenant.thumbprint: True, crp.thumbprint: False}
    assert (library / f"{tenant.thumbprint}.crt").read_bytes() == tenant.certificate.read_bytes()


def test_a_handler_can_open_its_protected_settings_with_the_files(
    vault: OpensslVault, library: Path, workshop: Path
) -> None:
    tenant = pair(workshop, "tenant")
    vault.unpack_bundle(sealed(workshop, pfx(workshop, tenant), vault.transport_certificate()))
    (workshop / "settings").write_text('{"secret": 1}')
    protected = openssl("cms", "-encrypt", "-binary", "-aes256", "-outform", "DER", "-in", "settings",
                        str(tenant.certificate), folder=workshop)  # fmt: skip
    (workshop / "protected").write_bytes(protected)
    opened = openssl("cms", "-inform", "DER", "-decrypt", "-recip", str(library / f"{tenant.thumbprint}.crt"),
                     "-inkey", str(library / f"{tenant.thumbprint}.prv"), "-in", str(workshop / "protected"),
                     folder=library)  # fmt: skip
    assert opened == b'{"secret": 1}'


def test_a_key_that_is_not_rsa_finds_its_certificate(vault: OpensslVault, workshop: Path) -> None:
    curve = pair(workshop, "curve", ec=True)
    data = sealed(workshop, pfx(workshop, curve), vault.transport_certificate())
    assert dict(vault.unpack_bundle(data)) == {curve.thumbprint: True}


def test_a_certificate_of_an_unknown_kind_costs_nobody_else(vault: OpensslVault, workshop: Path) -> None:
    own, odd = pair(workshop, "tenant"), pair(workshop, "odd", ec=True)
    der = base64.b64decode(odd.base64)
    kind = bytes.fromhex("06072a8648ce3d0201")  # an EC public key, by its object identifier
    assert der.count(kind) == 1
    unknown = base64.encodebytes(der.replace(kind, kind[:-1] + b"\x7f")).decode()
    odd.certificate.write_text(f"-----BEGIN CERTIFICATE-----\n{unknown}-----END CERTIFICATE-----\n")
    data = sealed(workshop, pfx(workshop, own, odd), vault.transport_certificate())
    assert dict(vault.unpack_bundle(data)) == {own.thumbprint: True, odd.thumbprint: False}


def test_what_is_in_the_envelope_must_be_a_pfx_without_password(vault: OpensslVault, workshop: Path) -> None:
    tenant = pair(workshop, "tenant")
    recipient = vault.transport_certificate()
    for content in (tenant.certificate, pfx(workshop, tenant, password="word")):
        with pytest.raises(HostError, match="not a PFX without password"):
            vault.unpack_bundle(sealed(workshop, content, recipient))


def test_an_openssl_that_is_missing_is_said_with_what_it_is_for(library: Path) -> None:
    vault = OpensslVault(library, openssl="/usr/bin/no-openssl")
    with pytest.raises(HostError, match=r"cannot run /usr/bin/no-openssl: No such file.*Certificates need"):
        vault.transport_certificate()


def test_a_library_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"cannot keep certificates in .*No such file"):
        OpensslVault(tmp_path / "no").transport_certificate()


def test_an_openssl_that_hangs_is_ended(library: Path, workshop: Path) -> None:
    hanging = workshop / "openssl"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    with pytest.raises(HostError, match="longer than"):
        OpensslVault(library, openssl=hanging, longest=0.3).transport_certificate()


def test_no_key_is_on_a_command_line(library: Path, workshop: Path) -> None:
    """A stand-in records how openssl is called, and calls it."""
    record = workshop / "called"
    standin = workshop / "openssl"
    standin.write_text(f'#!/bin/sh\necho "$@" >>{record}\nexec openssl "$@"\n')
    standin.chmod(0o755)
    vault = OpensslVault(library, openssl=standin)
    tenant = pair(workshop, "tenant")
    vault.unpack_bundle(sealed(workshop, pfx(workshop, tenant), vault.transport_certificate()))
    keys = [library / "TransportPrivate.pem", library / f"{tenant.thumbprint}.prv"]
    called = record.read_text()
    assert "cms -decrypt" in called
    for key in keys:
        assert not any(line in called for line in key.read_text().splitlines()[1:-1])


def test_a_certificate_wanted_from_two_threads_is_usable_in_both(vault: OpensslVault) -> None:
    vault.transport_certificate()
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(vault.transport_certificate())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1


def test_an_unchanged_file_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    keep_file(str(path), b"x", 0o400)
    before = path.stat()
    keep_file(str(path), b"x", 0o400)
    assert path.stat().st_ino == before.st_ino
    keep_file(str(path), b"y", 0o400)
    assert path.read_bytes() == b"y"
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208 - nothing else, hidden or not


def test_only_whole_blocks_count() -> None:
    one = b"-----BEGIN A-----\nx\n-----END A-----\n"
    text = (
        b"Bag Attributes\n"
        + one
        + b"-----END B-----\n-----BEGIN C-----\ncut\n"
        + one
        + b"-----BEGIN D-----\n"
    )
    assert blocks(text) == [one, one]


def test_dates_compare_in_their_order() -> None:
    dates = [
        "Dec 31 23:59:59 2025 GMT",
        "Jan  1 00:00:00 2026 GMT",
        "Jan 10 00:00:00 2026 GMT",
        "Feb  2 00:00:00 2026 GMT",
    ]
    assert [moment(date) for date in dates] == sorted(moment(date) for date in dates)
    with pytest.raises(ValueError, match="unpack"):
        moment("soon")


def test_the_worker_imports_next_to_nothing() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import limpet.host.keys_worker; print(*sys.modules)"
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        ["python3", "-I", "-S", "-c", code, source], capture_output=True, text=True, check=True, timeout=120
    )
    assert not {"re", "json", "subprocess", "pathlib", "typing", "dataclasses", "socket"} & set(
        done.stdout.split()
    )
