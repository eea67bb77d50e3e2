"""What the fabric has encrypted to the transport certificate, opened by openssl. Only for workers that end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.host.keys_worker import Failed, Openssl
from limpet.model.errors import HostError
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

_CERTIFICATE, _KEY = "TransportCert.pem", "TransportPrivate.pem"


class TransportKey:
    """The private key, as a file that only openssl reads."""

    def __init__(self, library: Path, openssl: Path) -> None:
        self._library = library
        self._openssl = Openssl(str(openssl))

    def opened(self, sealed: bytes) -> Secret[bytes]:
        """The plain content of CMS EnvelopedData in DER. Raises: HostError. Source: wire-protocol.md §12.

        The certificate tells which recipient is meant. A message that names another, as the platform's might, is tried by
        the key alone, which the documents have.
        """
        key = ("cms", "-decrypt", "-inform", "DER", "-inkey", str(self._library / _KEY))
        try:
            try:
                plain = self._openssl.run(*key, "-recip", str(self._library / _CERTIFICATE), given=sealed)
            except Failed:
                plain = self._openssl.run(*key, given=sealed)
        except Failed as error:
            raise HostError(
                f"it cannot be opened with {self._library / _KEY}: it is damaged or for another certificate (openssl: {error})"
            ) from error
        return Secret(plain)
