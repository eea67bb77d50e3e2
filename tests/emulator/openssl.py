"""The openssl program as the other side: what clients do with what the fabric encrypts."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


def ran(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run it, however it ends."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl program is not installed")
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)


def openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    """Run it and give its output."""
    done = ran(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass(frozen=True)
class Transport:
    """A transport certificate and its key, in files."""

    certificate: Path
    key: Path
    der: bytes

    def decrypted(self, envelope: bytes) -> bytes:
        return openssl(
            "cms", "-decrypt", "-inform", "DER", "-inkey", self.key, "-recip", self.certificate, stdin=envelope
        )  # fmt: skip


def transport(folder: Path, *options: str, key: str = "rsa:2048") -> Transport:
    """Made as agents make it. Source: wire-protocol.md §3.1."""
    certificate, private = folder / "TransportCert.pem", folder / "TransportPrivate.pem"
    openssl(
        "req", "-x509", "-nodes", "-subj", "/CN=LinuxTransport", "-days", "730", "-newkey", key,
        "-keyout", private, "-out", certificate, *options,
    )  # fmt: skip
    return Transport(certificate, private, openssl("x509", "-in", certificate, "-outform", "DER"))


def pem_blocks(text: str, kind: str) -> list[str]:
    return [found[0] for found in PEM.finditer(text) if found[1] == kind]
