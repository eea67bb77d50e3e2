"""The transport key and what it opens: the Vault port. Every private key stays in a worker and in files."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from limpet.host.worker import worker_command
from limpet.model.errors import HostError
from limpet.model.ids import Thumbprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OPENSSL = "/usr/bin/openssl"
_LONGEST = 60.0
"""How long a worker may take, seconds. Making a key takes a fraction of one; a starved VM may need more."""


class OpensslVault:
    """Keys and certificates as files in the agent's library folder, handled by the openssl program.

    Decision: docs/decisions/0002-keys-in-openssl.md.
    """

    def __init__(self, library: Path, *, openssl: Path | str = _OPENSSL, longest: float = _LONGEST) -> None:
        """longest: how long one task may take, seconds."""
        self._longest = longest
        self._library = library
        self._openssl = openssl

    def transport_certificate(self) -> str:
        """The transport certificate in base64 DER on one line, made first if there is none. Raises: HostError.

        A key that is there is used again unless it does not fit its certificate or the clock is outside the
        certificate's validity. Source: wire-protocol.md §3.1.
        """
        return self._work("transport").strip()

    def unpack_bundle(self, data: bytes) -> Sequence[tuple[Thumbprint, bool]]:
        """Open a certificate bundle (CMS, DER) and keep its certificates and keys as files.

        Gives (thumbprint, has a private key) for each. Raises: HostError, with the reason, also when the bundle
        is for another key. Source: wire-protocol.md §3.4 to §3.6.
        """
        lines = self._work("unpack", data).splitlines()
        pairs = (line.split() for line in lines)
        return [(Thumbprint(thumbprint), what == "key") for thumbprint, what in pairs]

    def _work(self, task: str, data: bytes = b"") -> str:
        command = worker_command("keys_worker", task, str(self._library), str(self._openssl))
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            answer, problem = process.communicate(data, timeout=self._longest)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise HostError(f"openssl took longer than {self._longest:g} s on the certificates") from error
        if process.returncode != 0:
            reason = problem.decode("utf-8", "replace").strip()
            raise HostError(reason[-2000:] or f"the certificates' worker ended with {process.returncode}")
        return answer.decode()
