"""Certificate bundles as the fabric makes them, by openssl. Source: wire-protocol.md §3.4, §3.5."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

DES = ("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
"""The real fabric's inner layer."""


def openssl(*arguments: str, folder: Path) -> bytes:
    command = ["openssl", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120).stdout


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, as PEM files."""

    certificate: Path
    key: Path

    @property
    def thumbprint(self) -> str:
        der = openssl("x509", "-in", str(self.certificate), "-outform", "DER", folder=self.certificate.parent)
        return hashlib.sha1(der).hexdigest().upper()

    @property
    def base64(self) -> str:
        return "".join(self.certificate.read_text().splitlines()[1:-1])


def pair(folder: Path, name: str, *, ec: bool = False) -> Pair:
    """A self-signed certificate, made once for each name."""
    made = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    certificate, key = _made(name, ec=ec)
    made.certificate.write_bytes(certificate)
    made.key.write_bytes(key)
    return made


@functools.cache
def _made(name: str, *, ec: bool) -> tuple[bytes, bytes]:
    kind = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256") if ec else ("rsa:2048",)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        openssl(
            "req", "-x509", "-nodes", "-newkey", *kind, "-subj", f"/CN={name}", "-days", "2",
            "-keyout", "key", "-out", "certificate", folder=path,
        )  # fmt: skip
        return (path / "certificate").read_bytes(), (path / "key").read_bytes()


def pfx(
    folder: Path, own: Pair, *others: Pair, protection: tuple[str, ...] = DES, password: str = ""
) -> Path:
    """A PFX with one key and any number of certificates."""
    (folder / "others.pem").write_text("".join(each.certificate.read_text() for each in others))
    more = ("-certfile", "others.pem") if others else ()
    openssl(
        "pkcs12", "-export", "-inkey", str(own.key), "-in", str(own.certificate), *more, *protection,
        "-name", "TenantEncryptionCert", "-passout", f"pass:{password}", "-out", "bundle.pfx", folder=folder,
    )  # fmt: skip
    return folder / "bundle.pfx"


def sealed(
    folder: Path, content: Path, recipient: str, *, cipher: str = "-aes128", oaep: bool = True
) -> bytes:
    """`content` encrypted to a certificate given as base64 on one line."""
    armour = "\n".join(
        ["-----BEGIN CERTIFICATE-----", *textwrap.wrap(recipient, 64), "-----END CERTIFICATE-----", ""]
    )
    (folder / "recipient.pem").write_text(armour)
    padding = ("-keyopt", "rsa_padding_mode:oaep") if oaep else ()
    return openssl(
        "cms", "-encrypt", "-binary", cipher, "-outform", "DER", "-keyid", "-in", str(content),
        "-recip", "recipient.pem", *padding, folder=folder,
    )  # fmt: skip
