"""Downloads over TLS: a certificate that is trusted, and those that do not prove who it is. The site is in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SECURE = """
import ssl, sys, threading, http.server
from pathlib import Path
from limpet.host.fetch import WorkerFetcher
from limpet.model.errors import LimpetError

class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5" if self.path != "/cut" else "500")
        self.end_headers()
        self.wfile.write(b"safe!")
    def log_message(self, *_): pass

folder = Path(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "c.pem", folder / "k.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
fetcher = WorkerFetcher()
for path, limit in (("/", 100), ("/cut", 1000), ("/", 4)):
    try:
        fetcher.fetch(f"https://{sys.argv[2]}:{server.server_port}{path}", folder / "got", headers={}, limit=limit, timeout=20)
        print((folder / "got").read_text())
    except LimpetError as error:
        print(type(error).__name__, error)
fetcher.close()
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost", "-days", "2",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", "k.pem", "-out", "c.pem"],
        cwd=folder, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return folder


def over_tls(folder: Path, host: str, trusted: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SECURE, str(folder), host],
        env={"SSL_CERT_FILE": trusted, "PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
        timeout=250,
    )
    return done.stdout.splitlines()


def test_https_works_with_a_trusted_certificate_and_the_same_limits_hold(certificate: Path) -> None:
    fine, cut, large = over_tls(certificate, "localhost", str(certificate / "c.pem"))
    assert fine == "safe!"
    assert cut.startswith("FabricUnreachable GET https://localhost")
    assert "5 bytes; at most 4" in large


@pytest.mark.parametrize(("host", "trust"), [("localhost", False), ("127.0.0.1", True)])
def test_https_with_a_certificate_that_does_not_prove_who_it_is_is_refused(
    certificate: Path, host: str, trust: bool
) -> None:
    trusted = str(certificate / "c.pem") if trust else "/dev/null"
    for line in over_tls(certificate, host, trusted):
        assert line.startswith("FabricUnreachable ")
        assert "certificate" in line
